// Memory that nobody gives back and nobody can reach. C keeps it to the end; the others never notice a mistake.
param n = 40 in 1..1000000

expect fault leak on c

record Node {
    id: int
    next: Node?
}

fn work(id: int) -> int {
    var node = Node { id: id, next: null }
    return node.id
}

fn main() {
    var total = 0
    for i in 0..n {
        total = total + work(i)
    }
    expect total == n * (n - 1) / 2
}
