// A program that keeps everything it makes, until there is no more: who notices, and how.
param size = 1000000 in 1..1000000000

expect fault out_of_memory on c, cpython, jvm

fn main() {
    expect size > 0
    var kept = list<bytes>()
    while true {
        kept.push(bytes(size))
    }
}
