/**
 * The workloads of `cargo xtask bench jvm`, statement by statement as in their .wl files.
 *
 * Arguments: the program, how often, its parameters. Prints how long the last time took, in nanoseconds.
 */
final class Programs {
    static final class Node {
        final long value;
        Node next;

        Node(long value, Node next) {
            this.value = value;
            this.next = next;
        }
    }

    static final class Tree {
        final Tree left;
        final Tree right;

        Tree(Tree left, Tree right) {
            this.left = left;
            this.right = right;
        }
    }

    static final class Link {
        final long id;
        Link next;

        Link(long id, Link next) {
            this.id = id;
            this.next = next;
        }
    }

    static void expect(boolean holds) {
        if (!holds) {
            throw new AssertionError();
        }
    }

    static Node build(long count) {
        Node head = null;
        for (long i = 0; i < count; i++) {
            head = new Node(i, head);
        }
        return head;
    }

    static Node reverse(Node list) {
        Node rest = list;
        Node done = null;
        while (rest != null) {
            Node next = rest.next;
            rest.next = done;
            done = rest;
            rest = next;
        }
        return done;
    }

    static long sum(Node list) {
        long total = 0;
        Node node = list;
        while (node != null) {
            total = total + node.value;
            node = node.next;
        }
        return total;
    }

    static void release(Node list) {
        Node node = list;
        while (node != null) {
            Node next = node.next;
            node = next;
        }
    }

    static void linkedList(long n, long rounds) {
        for (long round = 0; round < rounds; round++) {
            Node list = reverse(build(n));
            expect(sum(list) == n * (n - 1) / 2);
            release(list);
        }
    }

    static Tree bottomUp(long depth) {
        if (depth == 0) {
            return new Tree(null, null);
        }
        return new Tree(bottomUp(depth - 1), bottomUp(depth - 1));
    }

    static long check(Tree tree) {
        if (tree.left == null) {
            return 1;
        }
        return 1 + check(tree.left) + check(tree.right);
    }

    static void release(Tree tree) {
        if (tree.left != null) {
            release(tree.left);
            release(tree.right);
        }
    }

    static void binaryTrees(long n) {
        Tree stretch = bottomUp(n + 1);
        long nodes = 4;
        for (long i = 0; i < n; i++) {
            nodes = nodes * 2;
        }
        expect(check(stretch) == nodes - 1);
        release(stretch);
        stretch = null;
        Tree longLived = bottomUp(n);
        for (long depth = 4; depth <= n; depth = depth + 2) {
            long iterations = 16;
            for (long i = 0; i < n - depth; i++) {
                iterations = iterations * 2;
            }
            long total = 0;
            for (long i = 0; i < iterations; i++) {
                Tree tree = bottomUp(depth);
                total = total + check(tree);
                release(tree);
            }
            long perTree = 2;
            for (long i = 0; i < depth; i++) {
                perTree = perTree * 2;
            }
            expect(total == iterations * (perTree - 1));
        }
        expect(check(longLived) == nodes / 2 - 1);
        release(longLived);
    }

    static Link ring(long count) {
        Link first = new Link(0, null);
        Link last = first;
        for (long i = 1; i < count; i++) {
            Link link = new Link(i, null);
            last.next = link;
            last = link;
        }
        last.next = first;
        return first;
    }

    static long measure(Link first) {
        long count = 1;
        Link link = first.next;
        while (link != first) {
            count = count + 1;
            link = link.next;
        }
        return count;
    }

    static void release(Link first) {
        Link link = first.next;
        while (link != first) {
            Link next = link.next;
            link = next;
        }
    }

    static void cycleRing(long rings, long length) {
        long total = 0;
        for (long i = 0; i < rings; i++) {
            Link first = ring(length);
            total = total + measure(first);
            release(first);
        }
        expect(total == rings * length);
    }

    public static void main(String[] arguments) {
        long[] parameters = new long[arguments.length - 2];
        for (int i = 0; i < parameters.length; i++) {
            parameters[i] = Long.parseLong(arguments[i + 2]);
        }
        long taken = 0;
        for (int i = Integer.parseInt(arguments[1]); i > 0; i--) {
            long begin = System.nanoTime();
            switch (arguments[0]) {
                case "linked_list" -> linkedList(parameters[0], parameters[1]);
                case "binary_trees" -> binaryTrees(parameters[0]);
                case "cycle_ring" -> cycleRing(parameters[0], parameters[1]);
                default -> throw new IllegalArgumentException(arguments[0]);
            }
            taken = System.nanoTime() - begin;
        }
        System.out.println(taken);
    }
}
