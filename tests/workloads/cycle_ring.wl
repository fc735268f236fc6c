// Rings of objects that refer to each other. Counting references alone would never reclaim them:
// CPython needs its cycle collector, C has to take them apart by hand, a tracing collector does not notice.
param rings = 2000 in 0..1000000
param length = 8 in 1..100000

record Link {
    id: int
    next: Link?
}

fn ring(count: int) -> Link {
    var first = Link { id: 0, next: null }
    var last = first
    for i in 1..count {
        var link = Link { id: i, next: null }
        last.next = link
        last = link
    }
    last.next = first
    return first
}

fn measure(first: Link) -> int {
    var count = 1
    var link = first.next!
    while link != first {
        count = count + 1
        link = link.next!
    }
    return count
}

fn release(first: Link) {
    var link = first.next!
    while link != first {
        var next = link.next!
        free link
        link = next
    }
    free first
}

fn main() {
    var total = 0
    for i in 0..rings {
        var first = ring(length)
        total = total + measure(first)
        release(first)
    }
    expect total == rings * length
}
