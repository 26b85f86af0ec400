//! Work that takes its time without waiting for anybody.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does what takes the processor, or a disk, for milliseconds: reading a batch of events, or a file.
///
/// Other tasks go on meanwhile, as far as the runtime has threads for them: what drives the connection to the database,
/// which would otherwise wait behind the very batch that is read while another is stored.
pub(crate) fn busy<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
