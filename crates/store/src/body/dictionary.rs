//! Dictionaries for the bodies of a template: what many of its bodies have in common.
//!
//! A dictionary outlives the mails that it was made of, and nobody looks into it to erase a person. So it holds nothing of one
//! person's: only what stands in bodies to several recipients goes in, but for addresses, and where training needs what a
//! personal part looks like, it is given made-up ones.

use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState},
    io,
};

use super::codec::{Encoder, Press, pack};
use crate::erase::address_places;

/// Bodies that a dictionary is made of at most.
const SAMPLES_MAX: usize = 64;

/// Of each of them so much is looked at.
pub(super) const SAMPLE_BYTES_MAX: usize = 64 * 1024;

/// Of all of them together.
pub(super) const SAMPLES_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Bytes that are looked at together: what is shorter is never taken for something that bodies have in common.
const WINDOW_BYTES: usize = 12;

/// In bodies to so many recipients something must stand to be no person's own.
pub(super) const RECIPIENTS_MIN: usize = 3;

/// Sizes that training is tried with. Larger ones hold rarer phrases, and have to serve more bodies.
const TRAINED_BYTES: [usize; 2] = [16 * 1024, 32 * 1024];

/// Training with fewer bodies learns those by heart.
const TRAINED_ON_MIN: usize = 20;

/// For so many bodies training is worth its tenth of a second: it saves some twenty bytes of each.
const TRAINED_FOR_MIN: usize = 500;

/// Bodies that a dictionary without training is made of.
const UNTRAINED_SAMPLES_MAX: usize = 16;

/// Bodies that a candidate is tried on at most.
const TRIED_MAX: usize = 16;

/// What a dictionary's row takes beside its bytes, in its table and its indexes.
pub(super) const ROW_BYTES: usize = 150;

/// Windows are hashed already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Windows<V> = HashMap<u64, V, BuildHasherDefault<Hashed>>;

/// Odd constants of good mixers: <https://github.com/wangyi-fudan/wyhash>
fn hash(window: &[u8]) -> u64 {
    let (first, last) = window.split_at(8);
    let first = u64::from_le_bytes(first.try_into().unwrap_or_default());
    let last = u64::from(u32::from_le_bytes(last.try_into().unwrap_or_default()));
    let product =
        u128::from(first ^ 0xa076_1d64_78bd_642f) * u128::from(last.wrapping_mul(0xe703_7ed1_a0b4_28db) | 1);
    let bytes = product.to_le_bytes();
    let (low, high) = bytes.split_at(8);
    u64::from_le_bytes(low.try_into().unwrap_or_default())
        ^ u64::from_le_bytes(high.try_into().unwrap_or_default())
}

/// How many bodies to look at, to make a dictionary for so many.
pub(super) fn samples_max(bodies: usize) -> usize {
    if bodies >= TRAINED_FOR_MIN { SAMPLES_MAX } else { UNTRAINED_SAMPLES_MAX }
}

/// Bodies of one template to recipients that all differ.
pub(super) struct Samples {
    bodies: Vec<Vec<u8>>,
}

impl Samples {
    /// The bodies must be to recipients that all differ.
    pub(super) fn new(bodies: Vec<Vec<u8>>) -> Self {
        let mut bodies = bodies;
        bodies.truncate(SAMPLES_MAX);
        let mut room = SAMPLES_BYTES_MAX;
        for body in &mut bodies {
            body.truncate(SAMPLE_BYTES_MAX.min(room));
            room -= body.len();
        }
        Self { bodies }
    }

    pub(super) fn len(&self) -> usize {
        self.bodies.len()
    }

    /// The dictionary that makes the smallest sum of itself and of so many bodies like these, if one of them makes it smaller
    /// than those that are there already do, or none.
    pub(super) fn best(&self, bodies: usize, there: &[There]) -> io::Result<Choice> {
        let mut best = (self.cost(bodies, 0, None)?, Choice::None);
        for (place, there) in there.iter().enumerate() {
            let cost = self.cost(bodies, 0, Some(&there.dictionary))?;
            if cost < best.0 {
                best = (cost, Choice::There(place));
            }
        }
        if self.bodies.len() < RECIPIENTS_MIN {
            return Ok(best.1);
        }
        let mut trains = bodies >= TRAINED_FOR_MIN && self.bodies.len() >= TRAINED_ON_MIN;
        if let Choice::There(place) = best.1 {
            // One that is there serves well enough unless another saves a tenth: else each night would bring its own.
            best.0 -= best.0 / 10;
            // As it is, personal parts and all, a body is a better dictionary than what may be kept of it; and where that is not
            // a tenth better, training again is not either.
            let is_well_served = self.cost(bodies, 1, Some(&self.bodies[0]))? >= best.0;
            trains &= !is_well_served || there[place].made_from <= UNTRAINED_SAMPLES_MAX;
            if is_well_served && !trains {
                return Ok(best.1);
            }
        }
        let made_up = self.made_up();
        // For a template a body is the template itself.
        best = self.better(made_up[0].clone(), bodies, best)?;
        if trains {
            // It refuses what there is nothing to learn from.
            let trained = |&bytes: &usize| zstd::dict::from_samples(&made_up, bytes).ok();
            for dictionary in TRAINED_BYTES.iter().filter_map(trained) {
                best = self.better(dictionary, bodies, best)?;
            }
        }
        Ok(best.1)
    }

    /// What so many bodies like these take with a dictionary or without, as far as all but some of the first show.
    fn cost(&self, bodies: usize, but: usize, dictionary: Option<&[u8]>) -> io::Result<usize> {
        let encoder = Encoder::new(dictionary);
        let mut press = Press::new()?;
        let (mut bytes, mut tried) = (0_usize, 0);
        let step = self.bodies.len().div_ceil(TRIED_MAX).max(1);
        for body in self.bodies.iter().skip(but).step_by(step) {
            bytes += press.compress(&encoder, body)?.len();
            tried += 1;
        }
        Ok(bytes.saturating_mul(bodies) / tried.max(1))
    }

    /// A new dictionary, if with it the sum becomes smaller, or else the best so far.
    fn better(
        &self,
        dictionary: Vec<u8>,
        bodies: usize,
        best: (usize, Choice),
    ) -> io::Result<(usize, Choice)> {
        if dictionary.is_empty() {
            return Ok(best);
        }
        let cost = self.cost(bodies, 0, Some(&dictionary))? + ROW_BYTES;
        if cost >= best.0 {
            return Ok(best);
        }
        let packed = pack(&dictionary)?;
        let cost = cost + packed.len();
        Ok(if cost < best.0 { (cost, Choice::New { dictionary, packed }) } else { best })
    }

    /// The bodies with each byte that is a person's own drawn anew from all of these: what they look like stays, and what they
    /// say does not.
    fn made_up(&self) -> Vec<Vec<u8>> {
        let shared = shared_bytes(&self.bodies);
        let mut pools: [Vec<u8>; CLASSES] = Default::default();
        for (body, shared) in self.bodies.iter().zip(&shared) {
            for (byte, _) in body.iter().zip(shared).filter(|(_, shared)| !**shared) {
                pools[class(*byte)].push(*byte);
            }
        }
        let mut state = RandomState::new().build_hasher().finish();
        let mut draw = |byte: u8| {
            let pool = &pools[class(byte)];
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let place = usize::try_from(state >> 33).unwrap_or(0) % pool.len().max(1);
            pool.get(place).copied().unwrap_or(byte)
        };
        let redrawn = |(body, shared): (&Vec<u8>, &Vec<bool>)| {
            body.iter().zip(shared).map(|(byte, shared)| if *shared { *byte } else { draw(*byte) }).collect()
        };
        self.bodies.iter().zip(&shared).map(redrawn).collect()
    }
}

/// A dictionary of the template that is kept already.
pub(super) struct There {
    pub(super) dictionary: Vec<u8>,
    /// From how many bodies it was made: from more than [`UNTRAINED_SAMPLES_MAX`] where training was tried, too.
    pub(super) made_from: usize,
}

/// What to compress the bodies of a template with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    None,
    /// One of those that are there.
    There(usize),
    New {
        dictionary: Vec<u8>,
        /// As it is kept.
        packed: Vec<u8>,
    },
}

const CLASSES: usize = 5;

fn class(byte: u8) -> usize {
    match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        0x80.. => 3,
        _ => 4,
    }
}

/// Which bytes of each body stand in a window that several bodies have, and in no address: one of them may be in bodies to
/// many, and its owner be erased all the same.
fn shared_bytes(bodies: &[Vec<u8>]) -> Vec<Vec<bool>> {
    /// In how many bodies, and the last of them.
    struct Seen {
        bodies: usize,
        last: usize,
    }
    // Most windows stand in most of the bodies.
    let windows = bodies.iter().map(Vec::len).max().unwrap_or(0).saturating_mul(4);
    let mut seen: Windows<Seen> = Windows::with_capacity_and_hasher(windows, BuildHasherDefault::default());
    for (number, body) in bodies.iter().enumerate() {
        for window in body.windows(WINDOW_BYTES) {
            let seen = seen.entry(hash(window)).or_insert(Seen { bodies: 1, last: number });
            if seen.last != number {
                *seen = Seen { bodies: seen.bodies + 1, last: number };
            }
        }
    }
    let shared = |body: &Vec<u8>| {
        let mut shared = vec![false; body.len()];
        let mut marked_until = 0;
        for (start, window) in body.windows(WINDOW_BYTES).enumerate() {
            if seen.get(&hash(window)).is_some_and(|seen| seen.bodies >= RECIPIENTS_MIN) {
                shared[start.max(marked_until)..start + WINDOW_BYTES].fill(true);
                marked_until = start + WINDOW_BYTES;
            }
        }
        // A body may be cut within a character.
        let text = body.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        for place in address_places(text) {
            shared[place].fill(false);
        }
        shared
    };
    bodies.iter().map(shared).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an erasure would find in a dictionary, in each of its spellings.
    #[test]
    fn a_dictionary_names_no_address() {
        let spellings = [
            "ann@example.com",
            "ANN@Example.com",
            "ann%40example.com",
            "ann=40example.com",
            "ann&#64;example.com",
            "ann&#x40;example.com",
            "ann&commat;example.com",
            "ann\\u0040example.com",
            "ann%2Binvites%40example.com",
            "änn@exämple.com",
        ];
        for address in spellings {
            let text = format!(
                "<style>@media print {{ p {{ color: black }} }}</style><p>Somebody whom you know ({address}) invited you.</p>"
            );
            let bodies: Vec<Vec<u8>> =
                (0..3).map(|number| format!("<p>Dear {number}</p>{text}").into_bytes()).collect();
            let samples = Samples::new(bodies);
            for made_up in samples.made_up() {
                let made_up = String::from_utf8_lossy(&made_up).into_owned();
                assert!(!made_up.contains(address), "{made_up}");
                assert!(made_up.contains("Somebody whom you know ("), "{made_up}");
                assert!(made_up.contains(") invited you.</p>"), "{made_up}");
                assert!(made_up.contains("<style>@media print { p"), "{made_up}");
            }
        }
    }

    /// An address in base64 is shared by nobody's template, and found by an erasure all the same.
    #[test]
    fn a_dictionary_names_no_address_in_base64() {
        let encoded = "QW5uIGlzIGFubkBleGFtcGxlLmNvbQ==";
        let text =
            format!("<p>Whom you know <a href=\"https://example.com/i/{encoded}\">invited</a> you.</p>");
        let samples = Samples::new(vec![text.into_bytes(); 3]);
        for made_up in samples.made_up() {
            let made_up = String::from_utf8_lossy(&made_up).into_owned();
            assert!(!made_up.contains("FubkBleGFtcGxlLmNv"), "{made_up}");
        }
    }
}
