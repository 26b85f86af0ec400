//! The listener that SNS posts to.

use std::net::SocketAddr;

use aftersend_ingest::{HookSecret, HookSecretError, HooksOptions};

use super::{
    fault::Place,
    file::ConfigFile,
    keys,
    layers::{Layers, Scope},
    settings::Flags,
};

/// Where to listen, and what to take.
#[derive(Clone, Debug)]
pub(crate) struct Hooks {
    pub(crate) listen: SocketAddr,
    pub(crate) options: HooksOptions,
}

/// The listener, if the layers give it an address.
pub(super) fn take(layers: &mut Layers<'_>, file: Option<&ConfigFile>, flags: &Flags) -> Option<Hooks> {
    let scope = Scope { table: file.and_then(|file| file.tables.get("hooks")), label: "hooks.".to_owned() };
    let listen = layers.take(&keys::HOOKS_LISTEN, &scope, flags.hooks_listen).value;
    let topics = layers.take(&keys::HOOKS_TOPICS, &scope, flags.hooks_topics.clone()).value;
    let secret = flags.hooks_secret.as_deref().and_then(|text| secret_in_flag(layers, text));
    let secret = layers.take(&keys::HOOKS_SECRET, &scope, secret).value;
    let signature_2_only =
        layers.take(&keys::HOOKS_SIGNATURE_2_ONLY, &scope, flags.hooks_signature_2_only).value;
    Some(Hooks {
        listen: listen?,
        options: HooksOptions {
            topics: topics.unwrap_or_default().into_iter().collect(),
            secret,
            signature_2_only: signature_2_only.unwrap_or_default(),
            ..HooksOptions::default()
        },
    })
}

fn secret_in_flag(layers: &mut Layers<'_>, text: &str) -> Option<HookSecret> {
    text.parse()
        .map_err(|error: HookSecretError| layers.fault(Place::Flag("--hooks-secret"), error.to_string()))
        .ok()
}
