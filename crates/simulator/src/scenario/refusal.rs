//! Mails that SES does not send.

use super::reader;
use crate::{
    shape::{Happening, Headers, SimulatedEvent},
    story::Story,
    world::World,
};

/// Accepted, then found to carry a virus.
pub(super) fn rejected(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = Story::begin(world, people);
    story.send();
    story.tell(Happening::Reject { reason: "Bad content" });
    story.end()
}

/// The template asks for something that the sender did not give. There is no mail yet, hence no headers.
pub(super) fn rendering_failed(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = Story::begin(world, people);
    let template = story.mail.tags.get("template").map(|values| values.concat()).unwrap_or_default();
    story
        .tell(Happening::RenderingFailure {
            template,
            error: "Attribute 'firstName' is not present in the rendering data.",
        })
        .with_headers(Headers::Missing);
    story.end()
}
