//! Who gets mail: invented people under the domains that are set aside for examples (RFC 2606).

use std::collections::BTreeSet;

use fastrand::Rng;

use crate::shape::SimulatedAddress;

/// A name as it is written, and as it stands in an address.
type Name = (&'static str, &'static str);

const GIVEN: [Name; 40] = [
    ("Amélie", "amelie"),
    ("Jürgen", "juergen"),
    ("Zoë", "zoe"),
    ("Mateus", "mateus"),
    ("Sinéad", "sinead"),
    ("Oskar", "oskar"),
    ("Ngozi", "ngozi"),
    ("Łucja", "lucja"),
    ("Tomás", "tomas"),
    ("Ingrid", "ingrid"),
    ("Ravi", "ravi"),
    ("Chloe", "chloe"),
    ("Björn", "bjoern"),
    ("Leila", "leila"),
    ("Marek", "marek"),
    ("Aoife", "aoife"),
    ("Dilip", "dilip"),
    ("Françoise", "francoise"),
    ("Emre", "emre"),
    ("Hannah", "hannah"),
    ("Yusuf", "yusuf"),
    ("Katarína", "katarina"),
    ("Noah", "noah"),
    ("Priya", "priya"),
    ("Søren", "soeren"),
    ("Beatriz", "beatriz"),
    ("Kwame", "kwame"),
    ("Ilse", "ilse"),
    ("Théo", "theo"),
    ("Mira", "mira"),
    ("Anders", "anders"),
    ("Greta", "greta"),
    ("Ibrahim", "ibrahim"),
    ("Nadia", "nadia"),
    ("Pavel", "pavel"),
    ("Rosa", "rosa"),
    ("Silas", "silas"),
    ("Tuva", "tuva"),
    ("Vera", "vera"),
    ("Wim", "wim"),
];

const FAMILY: [Name; 40] = [
    ("Laurent", "laurent"),
    ("Weiß", "weiss"),
    ("Okafor", "okafor"),
    ("Nakamura", "nakamura"),
    ("O'Rourke", "orourke"),
    ("Lindqvist", "lindqvist"),
    ("Novák", "novak"),
    ("Ferreira", "ferreira"),
    ("Banerjee", "banerjee"),
    ("Kowalska", "kowalska"),
    ("Haddad", "haddad"),
    ("Müller", "mueller"),
    ("Jansen", "jansen"),
    ("Castillo", "castillo"),
    ("Mensah", "mensah"),
    ("Bauer", "bauer"),
    ("Yılmaz", "yilmaz"),
    ("Sørensen", "soerensen"),
    ("Petrov", "petrov"),
    ("Dubois", "dubois"),
    ("Quinn", "quinn"),
    ("Virtanen", "virtanen"),
    ("Szabó", "szabo"),
    ("Moreau", "moreau"),
    ("Ortega", "ortega"),
    ("Hughes", "hughes"),
    ("Rossi", "rossi"),
    ("Zhou", "zhou"),
    ("Fischer", "fischer"),
    ("Tanaka", "tanaka"),
    ("de Vries", "devries"),
    ("Marković", "markovic"),
    ("Eriksen", "eriksen"),
    ("Papadaki", "papadaki"),
    ("Silva", "silva"),
    ("Keller", "keller"),
    ("Diallo", "diallo"),
    ("Brandt", "brandt"),
    ("Costa", "costa"),
    ("Lund", "lund"),
];

const WHOLE: [Name; 6] = [
    ("山田 花子", "hanako.yamada"),
    ("佐藤 健", "ken.sato"),
    ("김민준", "minjun.kim"),
    ("Мария Волкова", "maria.volkova"),
    ("Νίκος Παππάς", "nikos.pappas"),
    ("دينا منصور", "dina.mansour"),
];

const DOMAINS: [&str; 3] = ["example.com", "example.org", "example.net"];

/// How many people the names above make.
const PEOPLE: usize = GIVEN.len() * FAMILY.len();

/// What becomes of mail to a person. It depends on the person, so that an address that bounces for good
/// always does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Temper {
    /// Reads mail, more or less.
    Reader,
    /// The mailbox is no more.
    Gone,
    /// Calls mail spam.
    Complainer,
}

/// Somebody with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) address: String,
}

impl Person {
    /// One of SES's own test mailboxes: `success`, `bounce`, `ooto`, `complaint`, `suppressionlist`.
    pub(crate) fn simulator(mailbox: &str) -> Self {
        let address = format!("{mailbox}@simulator.amazonses.com");
        Self { name: address.clone(), address }
    }

    /// Draws a person of that temper.
    pub(crate) fn draw(temper: Temper, rng: &mut Rng) -> Self {
        if temper == Temper::Reader && rng.u32(0..16) == 0 {
            let (name, local) = WHOLE[rng.usize(0..WHOLE.len())];
            return Self { name: name.to_owned(), address: format!("{local}@example.net") };
        }
        let residue = match temper {
            Temper::Gone => 0,
            Temper::Complainer => 1,
            Temper::Reader => rng.usize(2..16),
        };
        let number = rng.usize(0..PEOPLE / 16) * 16 + residue;
        // 797 shares no factor with the number of people: each has a number of their own, and neighbours in
        // number are no namesakes.
        let place = number * 797 % PEOPLE;
        let (given, given_local) = GIVEN[place % GIVEN.len()];
        let (family, family_local) = FAMILY[place / GIVEN.len()];
        let domain = DOMAINS[number % DOMAINS.len()];
        Self { name: format!("{given} {family}"), address: format!("{given_local}.{family_local}@{domain}") }
    }

    /// Draws that many readers, no two of them the same.
    pub(crate) fn draw_readers(count: usize, rng: &mut Rng) -> Vec<Self> {
        let mut addresses = BTreeSet::new();
        let mut people = Vec::with_capacity(count);
        while people.len() < count {
            let person = Self::draw(Temper::Reader, rng);
            if addresses.insert(person.address.clone()) {
                people.push(person);
            }
        }
        people
    }

    /// The address and nothing else, as destinations have it.
    pub(crate) fn bare(&self) -> SimulatedAddress {
        SimulatedAddress { bare: self.address.clone(), raw: self.address.clone() }
    }

    /// With the display name, as headers have it.
    pub(crate) fn named(&self) -> SimulatedAddress {
        if self.name == self.address {
            return self.bare();
        }
        SimulatedAddress { bare: self.address.clone(), raw: format!("{} <{}>", self.name, self.address) }
    }

    /// In one of the spellings that records show for a recipient.
    pub(crate) fn spelled(&self, rng: &mut Rng) -> SimulatedAddress {
        let address = &self.address;
        let raw = match rng.u32(0..20) {
            0 => format!("{} <{address}>", encoded_word(&self.name)),
            1 => format!("<{address}>"),
            2 => match self.name.split_once(' ') {
                Some((given, family)) => format!("\"{family}, {given}\" <{address}>"),
                None => address.clone(),
            },
            3 => capitalised(address),
            _ => address.clone(),
        };
        SimulatedAddress { bare: address.clone(), raw }
    }
}

/// `Amelie.laurent@Example.org`: letter case in an address means nothing to mail servers worth the name.
fn capitalised(address: &str) -> String {
    let mut beginning = true;
    address
        .chars()
        .map(|character| {
            let capital = std::mem::replace(&mut beginning, character == '@');
            if capital { character.to_ascii_uppercase() } else { character }
        })
        .collect()
}

/// A display name as a mail header carries it beyond ASCII (RFC 2047, section 4.2).
fn encoded_word(name: &str) -> String {
    let mut word = String::from("=?UTF-8?Q?");
    for byte in name.bytes() {
        match byte {
            b' ' => word.push('_'),
            byte if byte.is_ascii_alphanumeric() => word.push(char::from(byte)),
            byte => word.extend(['=', hex_digit(byte >> 4), hex_digit(byte & 0xf)]),
        }
    }
    word.push_str("?=");
    word
}

fn hex_digit(nibble: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(nibble & 0xf)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_of_different_tempers_share_no_address() {
        let mut rng = Rng::with_seed(1);
        let mut draw = |temper| -> BTreeSet<String> {
            (0..5_000).map(|_| Person::draw(temper, &mut rng).address).collect()
        };
        let (readers, gone, complainers) =
            (draw(Temper::Reader), draw(Temper::Gone), draw(Temper::Complainer));
        assert!(readers.is_disjoint(&gone) && readers.is_disjoint(&complainers));
        assert!(gone.is_disjoint(&complainers));
        assert_eq!((gone.len(), complainers.len()), (PEOPLE / 16, PEOPLE / 16));
    }

    #[test]
    fn spellings() {
        assert_eq!(capitalised("zoe.quinn@example.org"), "Zoe.quinn@Example.org");
        assert_eq!(encoded_word("Zoë Quinn"), "=?UTF-8?Q?Zo=C3=AB_Quinn?=");
        assert_eq!(Person::draw_readers(50, &mut Rng::with_seed(2)).len(), 50);
    }
}
