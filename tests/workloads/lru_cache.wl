// A cache of bounded size: a map for finding, a doubly linked list for the order of use.
// Entries live for a middling time, and neighbours refer to each other.
param capacity = 32 in 1..1000000
param requests = 8000 in 0..100000000
param keys = 64 in 1..100000000

record Entry {
    key: int
    value: int
    newer: Entry?
    older: Entry?
}

record Cache {
    entries: map<int, Entry>
    newest: Entry?
    oldest: Entry?
    hits: int
    misses: int
}

fn unlink(cache: Cache, entry: Entry) {
    if entry.newer == null {
        cache.newest = entry.older
    } else {
        entry.newer.older = entry.older
    }
    if entry.older == null {
        cache.oldest = entry.newer
    } else {
        entry.older.newer = entry.newer
    }
    entry.newer = null
    entry.older = null
}

fn put_first(cache: Cache, entry: Entry) {
    entry.older = cache.newest
    if cache.newest != null {
        cache.newest.newer = entry
    }
    cache.newest = entry
    if cache.oldest == null {
        cache.oldest = entry
    }
}

fn request(cache: Cache, key: int) -> int {
    if cache.entries.has(key) {
        var entry = cache.entries[key]
        cache.hits = cache.hits + 1
        unlink(cache, entry)
        put_first(cache, entry)
        return entry.value
    }
    cache.misses = cache.misses + 1
    if len(cache.entries) == capacity {
        var victim = cache.oldest!
        unlink(cache, victim)
        cache.entries.remove(victim.key)
        free victim
    }
    var entry = Entry { key: key, value: key * key, newer: null, older: null }
    cache.entries[key] = entry
    put_first(cache, entry)
    return entry.value
}

fn main() {
    var cache = Cache { entries: map<int, Entry>(), newest: null, oldest: null, hits: 0, misses: 0 }
    for i in 0..requests {
        // Two draws, the smaller one wins: some keys are asked for more often than others.
        var key = rand(0, keys)
        var other = rand(0, keys)
        if other < key {
            key = other
        }
        expect request(cache, key) == key * key
    }
    expect cache.hits + cache.misses == requests
    while cache.oldest != null {
        var victim = cache.oldest!
        unlink(cache, victim)
        free victim
    }
    free cache.entries
    free cache
}
