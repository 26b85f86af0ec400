//! The choice of a time zone.

use askama::Template;

use super::Frame;
use crate::clock::Clock;

/// The page.
#[derive(Template)]
#[template(path = "zone.html")]
pub(crate) struct ZonePage {
    frame: Frame,
    now: String,
    chosen: String,
    /// The path that the choice leads back to.
    back: String,
    regions: Vec<Region>,
}

/// Zones of one part of the world: those whose names begin alike.
struct Region {
    name: String,
    zones: Vec<Choice>,
}

struct Choice {
    name: String,
    /// The name without the region, and with spaces.
    place: String,
    selected: bool,
}

impl ZonePage {
    pub(crate) fn new(clock: &Clock, back: &str) -> Self {
        let chosen = clock.zone_name();
        let mut regions: Vec<Region> = vec![Region {
            name: "Everywhere".to_owned(),
            zones: vec![Choice {
                name: "UTC".to_owned(),
                place: "UTC".to_owned(),
                selected: chosen == "UTC",
            }],
        }];
        for name in jiff::tz::db().available() {
            // Names without a region are old ones, kept for those who still use them.
            let Some((region, place)) = name.as_str().split_once('/') else { continue };
            if matches!(region, "Etc" | "SystemV" | "US" | "posix" | "right") {
                continue;
            }
            let zone = Choice {
                name: name.to_string(),
                place: place.replace('_', " "),
                selected: name.as_str() == chosen,
            };
            match regions.iter_mut().find(|known| known.name == region) {
                Some(known) => known.zones.push(zone),
                None => regions.push(Region { name: region.to_owned(), zones: vec![zone] }),
            }
        }
        Self {
            frame: Frame::below("/zone", clock),
            now: clock.to_the_second(clock.now()),
            chosen: chosen.to_owned(),
            back: back.to_owned(),
            regions,
        }
    }
}
