// One call inside the other, as deep as `depth` says: where does each runtime's stack end?
// Python stops at its recursion limit, long before its memory does.
param depth = 5000 in 1..10000000

expect fault stack_overflow on cpython

fn down(levels: int) -> int {
    if levels == 0 {
        return 0
    }
    return 1 + down(levels - 1)
}

fn main() {
    expect down(depth) == depth
}
