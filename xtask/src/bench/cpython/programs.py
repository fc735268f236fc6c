"""The workloads of `cargo xtask bench cpython`, statement by statement as in their .wl files.

Prints how long the program took, in nanoseconds, without the start of the interpreter.
"""

import sys
import time


class Node:
    __slots__ = ("value", "next")

    def __init__(self, value, next):
        self.value = value
        self.next = next


class Tree:
    __slots__ = ("left", "right")

    def __init__(self, left, right):
        self.left = left
        self.right = right


class Link:
    __slots__ = ("id", "next")

    def __init__(self, id, next):
        self.id = id
        self.next = next


def linked_list(n, rounds):
    def build(count):
        head = None
        for i in range(count):
            head = Node(i, head)
        return head

    def reverse(list):
        rest = list
        done = None
        while rest is not None:
            next = rest.next
            rest.next = done
            done = rest
            rest = next
        return done

    def sum(list):
        total = 0
        node = list
        while node is not None:
            total = total + node.value
            node = node.next
        return total

    def release(list):
        node = list
        while node is not None:
            next = node.next
            node = next

    def work():
        list = reverse(build(n))
        assert sum(list) == n * (n - 1) // 2
        release(list)

    for _ in range(rounds):
        work()


def binary_trees(n):
    def bottom_up(depth):
        if depth == 0:
            return Tree(None, None)
        return Tree(bottom_up(depth - 1), bottom_up(depth - 1))

    def check(tree):
        if tree.left is None:
            return 1
        return 1 + check(tree.left) + check(tree.right)

    def release(tree):
        if tree.left is not None:
            release(tree.left)
            release(tree.right)

    stretch = bottom_up(n + 1)
    nodes = 4
    for _ in range(n):
        nodes = nodes * 2
    assert check(stretch) == nodes - 1
    release(stretch)
    long_lived = bottom_up(n)
    depth = 4
    while depth <= n:
        iterations = 16
        for _ in range(n - depth):
            iterations = iterations * 2
        total = 0
        for _ in range(iterations):
            tree = bottom_up(depth)
            total = total + check(tree)
            release(tree)
        per_tree = 2
        for _ in range(depth):
            per_tree = per_tree * 2
        assert total == iterations * (per_tree - 1)
        depth = depth + 2
    assert check(long_lived) == nodes // 2 - 1
    release(long_lived)


def growable_array(n, rounds):
    def work():
        squares = []
        for i in range(n):
            squares.append(i * i)
        total = 0
        for square in squares:
            total = total + square
        assert total == (n - 1) * n * (2 * n - 1) // 6
        assert len(squares) == n
        while len(squares) > 0:
            squares.pop()

    for _ in range(rounds):
        work()


def cycle_ring(rings, length):
    def ring(count):
        first = Link(0, None)
        last = first
        for i in range(1, count):
            link = Link(i, None)
            last.next = link
            last = link
        last.next = first
        return first

    def measure(first):
        count = 1
        link = first.next
        while link is not first:
            count = count + 1
            link = link.next
        return count

    def release(first):
        link = first.next
        while link is not first:
            next = link.next
            link = next

    total = 0
    for _ in range(rings):
        first = ring(length)
        total = total + measure(first)
        release(first)
    assert total == rings * length


program = globals()[sys.argv[1]]
arguments = [int(argument) for argument in sys.argv[2:]]
begin = time.perf_counter_ns()
program(*arguments)
print(time.perf_counter_ns() - begin)
