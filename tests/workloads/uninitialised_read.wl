// A field that nobody has set is read. malloc hands out what the last owner left there; Python's class and Java's
// memory start from zero.
expect fault uninitialised on c

record Job {
    id: int
    owner: int
    priority: int
}

fn main() {
    var old = Job { id: 1, owner: 2, priority: 99 }
    expect old.priority == 99
    free old
    var job = Job { id: 2 }
    print "priority is", job.priority
    free job
}
