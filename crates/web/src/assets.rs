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

static ASSETS: [Asset; 2] = [
    Asset::new("site", "css", "text/css; charset=utf-8", include_str!("../assets/site.css")),
    Asset::new("mark", "svg", "image/svg+xml", include_str!("../assets/mark.svg")),
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

/// The path of the style sheet.
pub(crate) fn style_path() -> String {
    format!("/assets/{}", ASSETS[0].name())
}

/// The path of the small picture that browsers show beside the title.
pub(crate) fn mark_path() -> String {
    format!("/assets/{}", ASSETS[1].name())
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
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn assets_load_nothing_from_elsewhere() {
        for asset in &ASSETS {
            for pointer in ["url(", "@import", "//", "href=", "<script", "<style"] {
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
