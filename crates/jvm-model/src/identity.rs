//! Identity hashes: what `System.identityHashCode` answers of an object that has not been asked before.
//!
//! Mirrors `synchronizer.cpp:get_next_hash` with the default `hashCode=5`: Marsaglia's xorshift, a state for each thread.
//! Differs: the machine gives no object a hash, and how many hashes a JVM draws while it starts is not modelled: 83
//! with `-Xint` and Serial on 17, 7 with G1. 21 and 25 start from other states, which are not known.

/// The hashes of one thread, from its first on.
///
/// ```
/// // 17, -Xint -XX:+UseSerialGC: the first object that a program asks.
/// assert_eq!(jvm_model::identity::IdentityHashes::of_main_thread().nth(83), Some(0x5a07_e868));
/// ```
#[derive(Clone, Debug)]
pub struct IdentityHashes([u32; 4]);

impl IdentityHashes {
    /// Those of the main thread of 17: its state is the first number that the VM's Lehmer generator draws from its seed,
    /// 1234567, and the constants of `thread.cpp:Thread::Thread`.
    pub const fn of_main_thread() -> IdentityHashes {
        const SEED: u64 = 1_234_567;
        const MULTIPLIER: u64 = 16_807;
        IdentityHashes([(SEED * MULTIPLIER % 0x7fff_ffff) as u32, 842_502_087, 0x8767, 273_326_509])
    }
}

impl Iterator for IdentityHashes {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let [oldest, second, third, newest] = self.0;
        let mixed = oldest ^ (oldest << 11);
        let next = (newest ^ (newest >> 19)) ^ (mixed ^ (mixed >> 8));
        self.0 = [second, third, newest, next];
        // A hash has 31 bits and is never 0.
        let hash = next & 0x7fff_ffff;
        Some(if hash == 0 { 0xbad } else { hash })
    }
}
