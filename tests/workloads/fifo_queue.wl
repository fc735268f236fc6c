// A queue of constant length: what came first goes first. Everything lives just long enough to be promoted
// and dies right after: what generations are bad at.
param length = 2000 in 1..10000000
param n = 8000 in 0..100000000

record Item {
    id: int
    payload: bytes
    next: Item?
}

record Queue {
    first: Item?
    last: Item?
}

fn put(queue: Queue, id: int) {
    var item = Item { id: id, payload: bytes(24), next: null }
    if queue.last == null {
        queue.first = item
    } else {
        queue.last.next = item
    }
    queue.last = item
}

fn take(queue: Queue) -> int {
    var item = queue.first!
    queue.first = item.next
    if queue.first == null {
        queue.last = null
    }
    var id = item.id
    free item.payload
    free item
    return id
}

fn main() {
    var queue = Queue { first: null, last: null }
    for i in 0..length {
        put(queue, i)
    }
    for i in 0..n {
        put(queue, length + i)
        expect take(queue) == i
    }
    while queue.first != null {
        take(queue)
    }
    free queue
}
