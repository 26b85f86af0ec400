//! What each step does.

pub(super) mod a1;
pub(super) mod a10;
pub(super) mod a2;
pub(super) mod a3;
pub(super) mod a4;
pub(super) mod a5;
pub(super) mod a6;
pub(super) mod a7;
pub(super) mod a8;
pub(super) mod a9;
pub(super) mod tables;
pub(super) mod v136;
pub(super) mod v137;
