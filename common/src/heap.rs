//! What the allocator keeps of memory that was given back.

/// Blocks from which on memory goes back to the system when it is freed, in bytes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: i32 = 512 << 10;

/// Has the allocator return large blocks to the system at once.
///
/// Left to itself, the GNU C library raises the size from which it does so to that of the largest block that was freed,
/// up to 32 MiB: after a few large documents their memory stays with the process for good. To be called first in `main`.
pub fn return_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code, reason = "there is no safe way to set it")]
    // SAFETY: mallopt may be called at any time by one thread; both parameters exist and take any size.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_TRIM_THRESHOLD, LARGE);
    }
}
