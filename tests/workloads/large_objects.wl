// Blocks so large that every runtime treats them apart: malloc maps them one by one, until the first of them is freed
// and raises the threshold; CPython goes past pymalloc to malloc; in the JVM they are born in the old generation.
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
