//! What the allocator keeps of memory that was freed.

/// Blocks from which on memory goes back to the system when it is freed, in bytes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: i32 = 512 << 10;

/// Has the allocator keep little of what was freed: large blocks go back to the system at once, and there is one heap a core.
///
/// Left to itself, the GNU C library raises the size from which it returns blocks to that of the largest one that was freed,
/// up to 32 MiB: after a few large documents their memory stays with the process for good. And it makes up to eight heaps a
/// core, each of which grows to the most that threads ever had in it at once. To be called first in `main`.
pub fn keep_little() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code, reason = "there is no safe way to set it")]
    {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let heaps = i32::try_from(cores).unwrap_or(i32::MAX);
        // SAFETY: mallopt may be called at any time by one thread; the parameters exist and take any size.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
            libc::mallopt(libc::M_TRIM_THRESHOLD, LARGE);
            libc::mallopt(libc::M_ARENA_MAX, heaps);
        }
    }
}

/// Gives the system back all whole pages that are free, wherever they lie.
///
/// What is freed goes back by itself only at the end of a heap. After a long phase of much coming and going the rest lies
/// in pieces between what is still in use, and the next phase, which asks for other sizes, takes new pages beside them.
/// It goes through all that is free: for the end of such a phase.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code, reason = "there is no safe way to ask for it")]
    // SAFETY: malloc_trim may be called at any time by any thread; it changes nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}
