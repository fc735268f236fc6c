// A linked list is built, reversed in place, added up and freed node by node.
param n = 2500 in 0..10000000
param rounds = 4 in 0..1000000

record Node {
    value: int
    next: Node?
}

fn build(count: int) -> Node? {
    var head: Node? = null
    for i in 0..count {
        head = Node { value: i, next: head }
    }
    return head
}

fn reverse(list: Node?) -> Node? {
    var rest = list
    var done: Node? = null
    while rest != null {
        var next = rest.next
        rest.next = done
        done = rest
        rest = next
    }
    return done
}

fn sum(list: Node?) -> int {
    var total = 0
    var node = list
    while node != null {
        total = total + node.value
        node = node.next
    }
    return total
}

fn release(list: Node?) {
    var node = list
    while node != null {
        var next = node.next
        free node
        node = next
    }
}

fn work() {
    var list = reverse(build(n))
    expect sum(list) == n * (n - 1) / 2
    release(list)
}

fn main() {
    for round in 0..rounds {
        work()
    }
}
