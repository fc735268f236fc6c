// A binary tree of calls, each with a record in automatic storage.
// In C nothing but the stack pointer moves; in Python and Java every record is a heap object.
param depth = 8 in 0..24

record Point {
    x: int
    y: int
}

fn walk(height: int, x: int) -> int {
    local here = Point { x: x, y: height }
    if height == 0 {
        return here.x
    }
    return walk(height - 1, x * 2) + walk(height - 1, x * 2 + 1)
}

fn main() {
    var leaves = 1
    for i in 0..depth {
        leaves = leaves * 2
    }
    // The leaves are numbered 0 to leaves - 1.
    expect walk(depth, 0) == leaves * (leaves - 1) / 2
}
