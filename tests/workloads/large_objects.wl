// Blocks so large that every runtime treats them apart: mapped one by one by malloc, past pymalloc to malloc
// in CPython, straight into the old generation of the JVM.
param n = 24 in 0..100000
param size = 200000 in 1..100000000

fn main() {
    var kept = list<bytes>()
    var total = 0
    for i in 0..n {
        var block = bytes(size + i)
        total = total + len(block)
        if i % 4 == 0 {
            kept.push(block)
        } else {
            free block
        }
    }
    expect total == n * size + n * (n - 1) / 2
    for block in kept {
        free block
    }
    free kept
}
