//! Sets of bytes as ranges that lie in order and apart.

use std::ops::Range;

/// Ranges of bytes, in order, apart and not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spans(Vec<Range<u64>>);

impl FromIterator<Range<u64>> for Spans {
    /// What meets or touches becomes one range.
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Spans {
        let mut ranges: Vec<Range<u64>> =
            ranges.into_iter().filter(|range| !range.is_empty()).collect();
        ranges.sort_by_key(|range| range.start);
        let mut spans: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            match spans.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => spans.push(range),
            }
        }
        Spans(spans)
    }
}

impl Spans {
    pub fn iter(&self) -> std::slice::Iter<'_, Range<u64>> {
        self.0.iter()
    }

    /// The ranges that have bytes of a range.
    pub fn meeting(&self, range: &Range<u64>) -> &[Range<u64>] {
        let first = self.0.partition_point(|span| span.end <= range.start);
        let rest = self.0.get(first..).unwrap_or_default();
        let count = rest.partition_point(|span| span.start < range.end);
        if range.is_empty() { &[] } else { rest.get(..count).unwrap_or_default() }
    }

    /// Whether some byte of a range is in the set.
    pub fn meets(&self, range: &Range<u64>) -> bool {
        !self.meeting(range).is_empty()
    }

    /// The bytes that are not in another set.
    pub fn without(&self, other: &Spans) -> Spans {
        let mut left = Vec::new();
        for span in &self.0 {
            let mut start = span.start;
            for taken in other.meeting(span) {
                left.push(start..taken.start.max(start));
                start = taken.end;
            }
            left.push(start..span.end.max(start));
        }
        left.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Spans;

    #[test]
    fn sets_of_bytes() {
        let spans: Spans = [8..12, 2..4, 4..6, 9..10, 20..20].into_iter().collect();
        assert_eq!(spans.0, [2..6, 8..12]);
        assert_eq!(spans.meeting(&(5..9)), [2..6, 8..12]);
        assert_eq!(spans.meeting(&(6..8)), []);
        assert_eq!(
            [0..2, 0..3, 12..30, 3..3].map(|range| spans.meets(&range)),
            [false, true, false, false]
        );
        let other: Spans = [0..3, 4..5, 11..20].into_iter().collect();
        assert_eq!(spans.without(&other).0, [3..4, 5..6, 8..11]);
        assert_eq!(other.without(&spans).0, [0..2, 12..20]);
    }
}
