// Two threads and a ring of places between them: each message is born in one thread and dies in the other.
// The schedule is drawn from the seed; the sum is the same for every seed.
param n = 300 in 0..1000000
param room = 8 in 1..100000

record Message {
    value: int
}

// One thread only counts `sent`, the other only `received`, so that no lock is needed.
record Ring {
    places: array<Message?>
    sent: int
    received: int
    total: int
}

fn produce(ring: Ring, count: int) {
    for i in 0..count {
        while ring.sent - ring.received == room {
            yield
        }
        ring.places[ring.sent % room] = Message { value: i }
        ring.sent = ring.sent + 1
    }
}

fn consume(ring: Ring, count: int) {
    for i in 0..count {
        while ring.sent == ring.received {
            yield
        }
        var message = ring.places[ring.received % room]!
        ring.places[ring.received % room] = null
        ring.received = ring.received + 1
        ring.total = ring.total + message.value
        free message
    }
}

fn main() {
    var ring = Ring { places: array<Message?>(room), sent: 0, received: 0, total: 0 }
    var producer = spawn produce(ring, n)
    var consumer = spawn consume(ring, n)
    join producer
    join consumer
    expect ring.total == n * (n - 1) / 2
    free ring.places
    free ring
}
