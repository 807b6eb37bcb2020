//! Many numbers in order, in bounded memory.
//!
//! An external merge sort (Knuth, "The Art of Computer Programming", volume 3, section 5.4): numbers gather in a buffer
//! that is sorted and written as a run whenever it is full, and in the end all runs are merged while they are read.

use std::{cmp::Reverse, collections::BinaryHeap, io};

use crate::spill::SpillFile;

/// Numbers that are sorted in memory at a time: 512 KiB.
pub(crate) const BUFFER: usize = 1 << 15;
/// Bytes of a number.
const WIDTH: usize = 16;
/// Numbers of a run that are read at a time, however many runs there are: fewer make many small reads.
const LEAST_READ: usize = 16;
/// The same, however few runs there are: more make no difference.
const MOST_READ: usize = 4_096;

/// Takes numbers in any order. Keeps [`BUFFER`] of them in memory and the rest in a file.
pub(crate) struct Sorter {
    file: Box<dyn SpillFile>,
    buffer: Vec<u128>,
    runs: Vec<Run>,
    capacity: usize,
}

/// Places in the file, in bytes.
#[derive(Clone, Copy)]
struct Run {
    next: u64,
    end: u64,
}

impl Sorter {
    /// No numbers yet; `capacity` are sorted in memory at a time.
    pub(crate) fn new(file: Box<dyn SpillFile>, capacity: usize) -> Self {
        Self { file, buffer: Vec::new(), runs: Vec::new(), capacity: capacity.max(1) }
    }

    /// Takes in a number.
    pub(crate) fn add(&mut self, number: u128) -> io::Result<()> {
        if self.buffer.len() >= self.capacity {
            self.write_run()?;
        }
        self.buffer.push(number);
        Ok(())
    }

    fn write_run(&mut self) -> io::Result<()> {
        self.buffer.sort_unstable();
        let start = self.runs.last().map_or(0, |run| run.end);
        let mut end = start;
        for numbers in self.buffer.chunks(MOST_READ) {
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            self.file.write(end, &bytes)?;
            end += bytes.len() as u64;
        }
        self.runs.push(Run { next: start, end });
        self.buffer.clear();
        Ok(())
    }

    /// The numbers in ascending order. Keeps no more of them in memory than were kept so far, as long as there are at most
    /// `capacity` / 16 runs.
    pub(crate) fn sorted(mut self) -> io::Result<Sorted> {
        if !self.buffer.is_empty() {
            self.write_run()?;
        }
        drop(self.buffer);
        let read = (self.capacity / self.runs.len().max(1)).clamp(LEAST_READ, MOST_READ);
        let mut sorted = Sorted { file: self.file, parts: Vec::new(), least: BinaryHeap::new(), read };
        for (at, run) in self.runs.into_iter().enumerate() {
            sorted.parts.push(Part { run, numbers: Vec::new() });
            sorted.refill(at)?;
        }
        Ok(sorted)
    }
}

/// Numbers in ascending order.
pub(crate) struct Sorted {
    file: Box<dyn SpillFile>,
    parts: Vec<Part>,
    /// The least number of each part, and which part it is.
    least: BinaryHeap<Reverse<(u128, usize)>>,
    read: usize,
}

/// What is left of a run: in memory, the last one first, and in the file.
struct Part {
    run: Run,
    numbers: Vec<u128>,
}

impl Sorted {
    /// The next number, which stays the next one.
    pub(crate) fn peek(&self) -> Option<u128> {
        self.least.peek().map(|&Reverse((number, _))| number)
    }

    /// Goes on to the number after the next one.
    pub(crate) fn advance(&mut self) -> io::Result<()> {
        match self.least.pop() {
            Some(Reverse((_, part))) => self.refill(part),
            None => Ok(()),
        }
    }

    /// Puts the least number of a part among the others.
    fn refill(&mut self, at: usize) -> io::Result<()> {
        let Some(Part { run, numbers }) = self.parts.get_mut(at) else { return Ok(()) };
        if numbers.is_empty() {
            let left = (run.end - run.next) as usize;
            let mut bytes = vec![0; left.min(self.read * WIDTH)];
            self.file.read(run.next, &mut bytes)?;
            run.next += bytes.len() as u64;
            numbers.extend(bytes.as_chunks().0.iter().rev().map(|&number| u128::from_le_bytes(number)));
        }
        self.least.extend(numbers.pop().map(|number| Reverse((number, at))));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spill::{InMemory, Spill};

    proptest! {
        #[test]
        fn every_number_comes_back_in_order(
            numbers in proptest::collection::vec(0u128..1_000, 0..2_000), capacity in 1usize..300,
        ) {
            let mut sorter = Sorter::new(InMemory.file().unwrap(), capacity);
            for &number in &numbers {
                sorter.add(number).unwrap();
                prop_assert!(sorter.buffer.len() <= capacity);
            }
            let mut sorted = sorter.sorted().unwrap();
            let mut found = Vec::new();
            while let Some(number) = sorted.peek() {
                found.push(number);
                sorted.advance().unwrap();
                let held: usize = sorted.parts.iter().map(|part| part.numbers.len()).sum();
                prop_assert!(held <= capacity.max(sorted.parts.len() * LEAST_READ));
            }
            let mut expected = numbers;
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
