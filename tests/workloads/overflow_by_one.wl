// A loop runs one element too far. C writes it, over the size field of the neighbouring block, and goes on until
// that block is freed; Python and Java check every index and stop at the one that is wrong.
param n = 6 in 1..1000

expect fault out_of_bounds on c, cpython, jvm
expect fault invalid_free on c

fn fill(numbers: array<int>, count: int) {
    for i in 0..count {
        numbers[i] = i
    }
}

fn main() {
    var numbers = array<int>(n)
    var neighbour = array<int>(n)
    expect len(neighbour) == n
    fill(numbers, n + 1)
    free neighbour
    free numbers
}
