// A list that grows by one at a time: how often is it moved, how much of it is reserve, and what does an int cost in it?
param n = 2000 in 0..50000000
param rounds = 3 in 0..1000000

fn work() {
    var squares = list<int>()
    for i in 0..n {
        squares.push(i * i)
    }
    var total = 0
    for square in squares {
        total = total + square
    }
    expect total == (n - 1) * n * (2 * n - 1) / 6
    expect len(squares) == n
    while len(squares) > 0 {
        squares.pop()
    }
    free squares
}

fn main() {
    for round in 0..rounds {
        work()
    }
}
