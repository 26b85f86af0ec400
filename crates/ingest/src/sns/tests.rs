//! The listener as SNS and as forgers meet it: over sockets, with certificates made here and served over real TLS by
//! a server that stands in for SNS's hosts.

mod answers;
mod certificates;
mod client;
mod confirmations;
mod forgeries;
mod letter;
mod origin;
mod secrets;
mod signer;
mod stored;
mod tricks;
mod world;
