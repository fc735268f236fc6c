//! A space: a run of words filled from the bottom up. Mirrors `gc/shared/space.hpp:ContiguousSpace`.

/// A space; places are word indices of the heap. What is below `top` is objects without a gap between them, except
/// where a thread's allocation buffer is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// The first word.
    pub bottom: usize,
    /// The first free word.
    pub top: usize,
    /// The word after the last.
    pub end: usize,
}

impl Space {
    /// An empty space.
    pub fn new(bottom: usize, end: usize) -> Self {
        assert!(bottom <= end, "a space from word {bottom} to word {end}");
        Space { bottom, top: bottom, end }
    }

    /// Takes `n_words` from the top, if there are so many.
    #[inline]
    pub fn allocate(&mut self, n_words: usize) -> Option<usize> {
        let object = self.top;
        if self.end - object < n_words {
            return None;
        }
        self.top = object + n_words;
        Some(object)
    }

    /// Words in use.
    #[inline]
    pub fn used_words(&self) -> usize {
        self.top - self.bottom
    }

    /// Words left.
    #[inline]
    pub fn free_words(&self) -> usize {
        self.end - self.top
    }

    /// All words.
    #[inline]
    pub fn capacity_words(&self) -> usize {
        self.end - self.bottom
    }

    /// Whether nothing is in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.top == self.bottom
    }

    /// Whether a word is one of its own, in use or not.
    #[inline]
    pub fn contains(&self, word: usize) -> bool {
        (self.bottom..self.end).contains(&word)
    }

    /// Forgets everything in it.
    pub fn clear(&mut self) {
        self.top = self.bottom;
    }
}
