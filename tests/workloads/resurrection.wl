// A finalizer that saves its object from being reclaimed. In Python and Java the object lives on, and is not finalized
// a second time; in C the destructor runs, the memory goes all the same, and what was saved is a dangling pointer.
expect fault use_after_free on c

record Vault {
    saved: Ghost?
    finalized: int
}

record Ghost {
    vault: Vault
    name: str
    id: int
    finalize {
        self.vault.finalized = self.vault.finalized + 1
        self.vault.saved = self
    }
}

fn haunt(vault: Vault) {
    var ghost = Ghost { vault: vault, name: "Banquo", id: 7 }
    expect ghost.id == 7
    free ghost
}

fn main() {
    var vault = Vault { saved: null, finalized: 0 }
    haunt(vault)
    collect
    expect vault.finalized == 1
    expect vault.saved != null
    expect vault.saved.id == 7
    vault.saved = null
    collect
    expect vault.finalized == 1
    free vault
}
