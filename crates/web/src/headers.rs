//! What every answer carries, and which requests get one.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::pages::Problem;

/// Headers of every answer. Pages load nothing from elsewhere, run this site's own scripts alone, and are framed by nobody.
const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; \
         frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not `no-referrer`: a form would then be sent with the origin `null`, which could be anybody's.
    (header::REFERRER_POLICY, "same-origin"),
    // Or names of hosts in links are looked up before anybody follows one.
    (HeaderName::from_static("x-dns-prefetch-control"), "off"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Bytes of a path that leads back, with its query, at most.
const PATH_BYTES_MAX: usize = 8 * 1024;

/// Answers requests to this machine's own loopback names alone, and puts the headers of every answer on.
///
/// The site has no log-in; what guards it is that only this machine reaches it. A page elsewhere could still
/// have a browser on this machine ask, by a name of its own that suddenly resolves to 127.0.0.1 (DNS
/// rebinding). Such a request gives itself away by the host it names. Or it could have the browser post a form here:
/// that request names the page's own origin, and nothing is changed for another than this site's.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let mut response = if !names_loopback(&request) {
        Problem::foreign_host().into_response()
    } else if is_loaded_from_elsewhere(request.headers())
        || !request.method().is_safe() && !comes_from_here(request.headers())
    {
        Problem::foreign_origin().into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        // A mail's body comes with a policy of its own, which is stricter.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // Pages hold addresses: they are kept nowhere. Assets say otherwise for themselves.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Whether every host that the request names is this machine's loopback, and at least one is named.
fn names_loopback(request: &Request) -> bool {
    let target = request.uri().authority().map(Authority::as_str);
    let named = hosts(request.headers()).chain(target.map(Some));
    let mut any = false;
    for host in named {
        if !host.is_some_and(is_loopback) {
            return false;
        }
        any = true;
    }
    any
}

/// Whether a page elsewhere has a browser load something from here, as a picture, a frame or a script's request: it could
/// keep the database busy with it. A link that leads here is followed.
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site>
fn is_loaded_from_elsewhere(headers: &HeaderMap) -> bool {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let from_elsewhere = matches!(said("sec-fetch-site"), Some("cross-site" | "same-site"));
    from_elsewhere && (said("sec-fetch-mode"), said("sec-fetch-dest")) != (Some("navigate"), Some("document"))
}

/// Whether a page of this very site asks for a change: the origin that the browser names is the host that it asks.
/// Every browser names the origin with a form or a script that changes something; what names none is no browser, and
/// has commands for it. <https://datatracker.ietf.org/doc/html/rfc6454#section-7>
fn comes_from_here(headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else { return false };
    let Ok(origin) = origin.to_str() else { return false };
    // A proxy of this machine may speak TLS for the site.
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    let same_site = headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin");
    same_site && authority.is_some() && hosts(headers).all(|host| host == authority)
}

/// The page of this site from which a link or a form led here: its path, with its query. What the browser tells of it is the
/// whole, by this site's own referrer policy; anybody may send anything, so that it is good for a link back, and for no more.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-10.1.3>
pub(crate) fn led_from(headers: &HeaderMap) -> Option<&str> {
    let referer = headers.get(header::REFERER)?.to_str().ok()?;
    let rest = referer.strip_prefix("http://").or_else(|| referer.strip_prefix("https://"))?;
    let (authority, _) = rest.split_once('/')?;
    let is_here = hosts(headers).all(|host| host == Some(authority));
    local_path(&rest[authority.len()..]).filter(|_| is_here)
}

/// The text, if it is a path of this site as a header can name it, and leads nowhere else: `//example.com` would.
pub(crate) fn local_path(text: &str) -> Option<&str> {
    let is_local = text.starts_with('/') && !text.starts_with("//") && text.len() <= PATH_BYTES_MAX;
    (is_local && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')).then_some(text)
}

fn hosts(headers: &HeaderMap) -> impl Iterator<Item = Option<&str>> {
    headers.get_all(header::HOST).iter().map(|host| host.to_str().ok())
}

/// Whether `host[:port]` is `localhost` or a loopback address. The port may be any: tunnels change it.
fn is_loopback(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return false;
    }
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback());
    }
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_known_by_all_its_names() {
        for host in [
            "localhost",
            "LocalHost:4100",
            "127.0.0.1",
            "127.0.0.1:4100",
            "127.8.9.1:1",
            "[::1]",
            "[::1]:4100",
        ] {
            assert!(is_loopback(host), "{host}");
        }
    }

    #[test]
    fn the_page_that_led_here_is_one_of_this_site() {
        let led = |referer: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "127.0.0.1:4100".parse().unwrap());
            headers.insert(header::REFERER, referer.parse().unwrap());
            led_from(&headers).map(str::to_owned)
        };
        assert_eq!(led("http://127.0.0.1:4100/mails?q=a%20b").as_deref(), Some("/mails?q=a%20b"));
        assert_eq!(led("http://127.0.0.1:4100/").as_deref(), Some("/"));
        for elsewhere in [
            "http://127.0.0.1:4101/mails",
            "http://127.0.0.1:4100.example.com/mails",
            "http://127.0.0.1:4100//example.com",
            "http://127.0.0.1:4100/\\example.com",
            "http://127.0.0.1:4100",
            "/mails",
            "about:blank",
        ] {
            assert_eq!(led(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn other_hosts_are_not_taken_for_it() {
        for host in [
            "",
            ":4100",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com:4100",
            "10.0.0.1",
            "0.0.0.0:4100",
            "[::2]:4100",
            "::1",
            "user@127.0.0.1",
            "127.0.0.1:port",
            "127.0.0.1:99999",
            "localhost:",
            "2130706433",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
