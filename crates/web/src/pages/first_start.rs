//! A site without any mail: how to get events in.

use askama::Template;

use super::Frame;
use crate::clock::Clock;

/// The page.
#[derive(Template)]
#[template(path = "first_start.html")]
pub(crate) struct FirstStartPage {
    frame: Frame,
}

impl FirstStartPage {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self { frame: Frame::of("/", clock) }
    }
}
