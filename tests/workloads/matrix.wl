// Two matrices of floats are multiplied: three blocks of numbers in C and Java, an object a number in Python.
param size = 16 in 1..2000
param rounds = 3 in 0..1000000

fn fill(n: int, scale: float) -> array<float> {
    var m = array<float>(n * n)
    for i in 0..n * n {
        m[i] = float(i % 7) * scale
    }
    return m
}

fn multiply(a: array<float>, b: array<float>, n: int) -> array<float> {
    var c = array<float>(n * n)
    for i in 0..n {
        for j in 0..n {
            var sum = 0.0
            for k in 0..n {
                sum = sum + a[i * n + k] * b[k * n + j]
            }
            c[i * n + j] = sum
        }
    }
    return c
}

fn total(m: array<float>) -> float {
    var sum = 0.0
    for x in m {
        sum = sum + x
    }
    return sum
}

fn work() {
    var a = fill(size, 0.5)
    var b = fill(size, 2.0)
    var c = multiply(a, b, size)
    // The entries of the product add up to column sums of `a` times row sums of `b`; halves and doubles are exact.
    var expected = 0.0
    for k in 0..size {
        var column = 0.0
        var row = 0.0
        for i in 0..size {
            column = column + a[i * size + k]
            row = row + b[k * size + i]
        }
        expected = expected + column * row
    }
    expect total(c) == expected
    free a
    free b
    free c
}

fn main() {
    for round in 0..rounds {
        work()
    }
}
