//! The files that pages load, part of the program. Their names carry a hash of their content, so that a
//! browser may keep them for ever and still gets the new one after an upgrade.

use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};

use crate::pages::Problem;

/// A file that pages load.
struct Asset {
    stem: &'static str,
    extension: &'static str,
    content_type: &'static str,
    content: &'static str,
    hash: u64,
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Ours, and from the folder `vendor`, as they were published; its `SHA256SUMS` holds them to that.
static ASSETS: [Asset; 6] = [
    Asset::new("site", "css", CSS, include_str!("../assets/site.css")),
    Asset::new("mark", "svg", "image/svg+xml", include_str!("../assets/mark.svg")),
    Asset::new("site", "js", SCRIPT, include_str!("../assets/site.js")),
    Asset::new("htmx.min", "js", SCRIPT, include_str!("../assets/vendor/htmx-2.0.11/htmx.min.js")),
    Asset::new("uplot", "js", SCRIPT, include_str!("../assets/vendor/uplot-1.6.32/uPlot.iife.min.js")),
    Asset::new("uplot", "css", CSS, include_str!("../assets/vendor/uplot-1.6.32/uPlot.min.css")),
];

impl Asset {
    const fn new(
        stem: &'static str,
        extension: &'static str,
        content_type: &'static str,
        content: &'static str,
    ) -> Self {
        Self { stem, extension, content_type, content, hash: fnv1a(content.as_bytes()) }
    }

    fn name(&self) -> String {
        format!("{}.{:016x}.{}", self.stem, self.hash, self.extension)
    }
}

/// The path of an asset: `site.css`, `mark.svg`, `site.js`, `htmx.min.js`, `uplot.js` or `uplot.css`.
pub(crate) fn path(file: &str) -> String {
    let asset = ASSETS.iter().find(|asset| {
        file.strip_prefix(asset.stem).and_then(|rest| rest.strip_prefix('.')) == Some(asset.extension)
    });
    // A test asks for each of them; another name would be a slip of ours, and the page still works without it.
    asset.map_or_else(String::new, |asset| format!("/assets/{}", asset.name()))
}

/// `GET /assets/{name}`
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name() == name) else {
        return Problem::no_such_page().into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.content).into_response()
}

/// FNV-1a, 64 bits: enough to tell one release's file from another's.
/// <https://datatracker.ietf.org/doc/html/rfc9923>
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        hash ^= bytes[at] as u64;
        hash = hash.wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    /// Those that were not published by others.
    const OWN: [&str; 3] = [ASSETS[0].content, ASSETS[1].content, ASSETS[2].content];

    #[test]
    fn every_asset_has_a_path() {
        for file in ["site.css", "mark.svg", "site.js", "htmx.min.js", "uplot.js", "uplot.css"] {
            assert!(path(file).starts_with("/assets/"), "{file}");
        }
        assert_eq!(path("site.map"), "");
    }

    #[test]
    fn what_others_published_is_as_it_was_published() {
        let vendor = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/vendor"));
        let sums = std::fs::read_to_string(vendor.join("SHA256SUMS")).unwrap();
        let mut files = 0;
        for (sum, file) in sums.lines().filter_map(|line| line.split_once("  ")) {
            let content = std::fs::read(vendor.join(file)).unwrap();
            let expected = (0..32).map(|byte| u8::from_str_radix(&sum[2 * byte..2 * byte + 2], 16).unwrap());
            assert!(Sha256::digest(&content).iter().copied().eq(expected), "{file} was changed");
            files += 1;
        }
        assert_eq!(files, 5);
    }

    #[test]
    fn assets_load_nothing_from_elsewhere() {
        for asset in ASSETS.iter().filter(|asset| OWN.contains(&asset.content)) {
            for pointer in ["url(", "@import", "://", "href=", "<script", "<style"] {
                let content = asset.content.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
                assert!(!content.contains(pointer), "{} holds {pointer}", asset.name());
            }
        }
    }

    /// The relative luminance of `#rgb` or `#rrggbb`. <https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>
    fn luminance(colour: &str) -> f64 {
        let digits: Vec<u32> = colour[1..].chars().map(|digit| digit.to_digit(16).unwrap()).collect();
        let channel = |n: usize| match digits.len() {
            3 => digits[n] * 17,
            6 => digits[2 * n] * 16 + digits[2 * n + 1],
            _ => panic!("{colour} is no colour"),
        };
        let linear = |n| {
            let share = f64::from(channel(n)) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(0) + 0.7152 * linear(1) + 0.0722 * linear(2)
    }

    /// The colours that a `:root` block of the style sheet names.
    fn colours(block: &str) -> BTreeMap<&str, &str> {
        let lines = block.lines().filter_map(|line| line.trim().strip_prefix("--")?.split_once(": "));
        lines
            .map(|(name, value)| (name, value.trim_end_matches(';')))
            .filter(|(_, value)| value.starts_with('#'))
            .collect()
    }

    #[test]
    fn text_stands_out_from_its_ground_in_both_schemes() {
        let css = ASSETS[0].content;
        let (light, dark) = css.split_once("prefers-color-scheme: dark").unwrap();
        let dark = dark.split_once("*::before").unwrap().0;
        for (scheme, block) in [("light", light), ("dark", dark)] {
            let colours = colours(block);
            let tones = ["neutral", "delivered", "opened", "clicked", "waiting", "bounced", "complained"];
            let tints = tones.map(|tone| format!("{tone}-tint"));
            let mut pairs: Vec<(&str, &str)> =
                tones.into_iter().zip(tints.iter().map(String::as_str)).collect();
            pairs.extend(tints.iter().map(|tint| ("ink", tint.as_str())));
            for ground in ["paper", "sheet", "well"] {
                pairs.extend([("ink", ground), ("ink-quiet", ground), ("accent", ground)]);
            }
            pairs.push(("accent-ink", "accent"));
            for (text, ground) in pairs {
                let (a, b) = (luminance(colours[text]), luminance(colours[ground]));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 4.5, "{scheme}: {text} on {ground} has {contrast:.2}, AA asks for 4.5");
            }
        }
    }
}
