// A table whose entries are replaced again and again. Once it has grown old, every store is from an old object to a
// young one, which a generational collector has to remember card by card.
param entries = 3000 in 1..1000000
param rounds = 12 in 0..100000

record Entry {
    round: int
    peer: Entry?
}

fn main() {
    var table = array<Entry?>(entries)
    for i in 0..entries {
        table[i] = Entry { round: 0, peer: null }
    }
    for round in 1..rounds + 1 {
        for i in 0..entries {
            var old = table[i]
            if rand(0, 2) == 0 {
                table[i] = Entry { round: round, peer: null }
                free old
            } else {
                old.round = round
            }
        }
    }
    var total = 0
    for i in 0..entries {
        total = total + table[i].round
    }
    expect total == entries * rounds
    for i in 0..entries {
        free table[i]
    }
    free table
}
