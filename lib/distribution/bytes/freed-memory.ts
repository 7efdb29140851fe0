/**
 * Layer 1: what becomes of the memory of large buffers that were let go of.
 *
 * The C library of most Linux systems, glibc, gives freed memory at the end of its heap back to the system when it is
 * more than twice the largest block that was freed before (`mallopt(3)`, M_MMAP_THRESHOLD). The collector lets go of
 * many messages at once, so all of it goes back, and each page that the next ones are written to is a page fault and
 * zeroed again: more work than copying the message.
 */

/** glibc learns from blocks of up to 32 MiB, its own few bytes included. */
const BLOCK_BYTES = 31 * 1024 * 1024;

/**
 * Has up to 62 MiB of freed memory kept for the next large buffers. A block is made, never written to, so it takes no
 * memory, and let go of; the next collection frees it. Without glibc nothing comes of it.
 *
 * @returns the size of the block in bytes
 */
export function keepFreedMemory(): number {
  return new ArrayBuffer(BLOCK_BYTES).byteLength;
}
