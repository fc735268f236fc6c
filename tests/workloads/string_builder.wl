// A text grown piece by piece, the slow way: each step makes a new one and forgets the old.
param n = 600 in 0..100000

fn main() {
    var text = str(0)
    for i in 0..n {
        var longer = text + "ab"
        free text
        text = longer
    }
    expect len(text) == 1 + 2 * n
    free text
}
