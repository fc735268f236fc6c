// A block is read after it was freed, first while it lies in the allocator's cache, then after somebody else got it.
// C answers with whatever is there; in Python and Java the reference itself keeps the object.
expect fault use_after_free on c

record Account {
    owner: int
    limit: int
    balance: int
}

fn main() {
    var account = Account { owner: 1, limit: 500, balance: 100 }
    free account
    // malloc keeps its list of free blocks in the first two words; the third is still what it was.
    expect account.balance == 100
    var other = Account { owner: 2, limit: 0, balance: 999 }
    print "balance of owner", account.owner, "is", account.balance
    free other
}
