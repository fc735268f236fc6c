// The same block is freed twice. glibc notices this one, because the block still carries the mark of its cache,
// and stops the program; Python and Java have nothing to free.
expect fault double_free on c

record Buffer {
    size: int
}

fn main() {
    var buffer = Buffer { size: 64 }
    expect buffer.size == 64
    var alias = buffer
    free buffer
    free alias
}
