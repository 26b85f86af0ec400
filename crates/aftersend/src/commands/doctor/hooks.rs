//! The webhook as it is set. Nobody listens for this.

use super::report::Report;
use crate::config::Settings;

pub(super) fn look(settings: &Settings, report: &mut Report) {
    let Some(hooks) = &settings.hooks else { return };
    report.begin("webhook");
    let listen = hooks.listen;
    if listen == settings.listen && listen.port() != 0 {
        report.wrong(
            "listen",
            format!("it is to listen on {listen}, where the site listens"),
            "give one of them another port: --listen or --hooks-listen",
        );
    } else if listen.ip().is_loopback() {
        report.well("listen", format!("it listens on {listen}, for a proxy on this machine that speaks TLS"));
    } else {
        report.warn(
            "listen",
            format!("it listens on {listen} in plain HTTP, which other machines may reach"),
            "let only the proxy that speaks TLS through to it, or listen on 127.0.0.1 beside a proxy here",
        );
    }
    match hooks.options.topics.len() {
        0 => report.wrong(
            "topics",
            "no topic is named, so that every message is refused",
            "name the topics that SES publishes to: `topics` in [hooks], or --hooks-topic ARN",
        ),
        1 => report.well("topics", "messages of one topic are taken"),
        topics => report.well("topics", format!("messages of {topics} topics are taken")),
    }
    let raw = match &hooks.options.secret {
        Some(_) => "a secret is asked for, and raw delivery is taken",
        None => "no secret is set: signed messages are taken, raw delivery is refused",
    };
    report.well("secret", raw);
    let versions = if hooks.options.signature_2_only { "version 2 alone" } else { "versions 1 and 2" };
    report.well("signature", format!("signatures of {versions} are taken"));
}
