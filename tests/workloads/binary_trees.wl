// The benchmarks game's program: many trees that live briefly beside one that lives long.
// What generational collectors are made for.
param n = 8 in 4..22

record Tree {
    left: Tree?
    right: Tree?
}

fn bottom_up(depth: int) -> Tree {
    if depth == 0 {
        return Tree { left: null, right: null }
    }
    return Tree { left: bottom_up(depth - 1), right: bottom_up(depth - 1) }
}

fn check(tree: Tree) -> int {
    if tree.left == null {
        return 1
    }
    return 1 + check(tree.left!) + check(tree.right!)
}

fn release(tree: Tree) {
    if tree.left != null {
        release(tree.left!)
        release(tree.right!)
    }
    free tree
}

fn main() {
    var stretch = bottom_up(n + 1)
    var nodes = 4
    for i in 0..n {
        nodes = nodes * 2
    }
    expect check(stretch) == nodes - 1
    release(stretch)

    var long_lived = bottom_up(n)
    var depth = 4
    while depth <= n {
        var iterations = 16
        for i in 0..n - depth {
            iterations = iterations * 2
        }
        var total = 0
        for i in 0..iterations {
            var tree = bottom_up(depth)
            total = total + check(tree)
            release(tree)
        }
        var per_tree = 2
        for i in 0..depth {
            per_tree = per_tree * 2
        }
        expect total == iterations * (per_tree - 1)
        depth = depth + 2
    }
    expect check(long_lived) == nodes / 2 - 1
    release(long_lived)
}
