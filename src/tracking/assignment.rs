//! Who belongs to whom: the assignment of rows to columns that costs least in all.
//!
//! Shortest augmenting paths with potentials (Jonker and Volgenant 1987), in arrays that are
//! made once.

/// Solves assignments of up to as many rows and columns as it was made for.
#[derive(Debug)]
pub struct Assigner {
    row_price: Vec<f32>,
    column_price: Vec<f32>,
    /// Row of each column, counted from 1; 0 where it has none.
    row_of: Vec<usize>,
    /// Column before each column on the shortest path.
    before: Vec<usize>,
    distance: Vec<f32>,
    is_done: Vec<bool>,
}

impl Assigner {
    /// For at most `side_max` rows and columns.
    pub fn new(side_max: usize) -> Self {
        let numbers = || vec![0.0; side_max + 1];
        Self {
            row_price: numbers(),
            column_price: numbers(),
            row_of: vec![0; side_max + 1],
            before: vec![0; side_max + 1],
            distance: numbers(),
            is_done: vec![false; side_max + 1],
        }
    }

    /// Calls `matched` with each row and column that belong together. A pair whose cost is
    /// `cost_max` or more does not; leaving a row without a column costs that much.
    pub fn assign(
        &mut self,
        (rows, columns): (usize, usize),
        cost_max: f32,
        cost: impl Fn(usize, usize) -> f32,
        mut matched: impl FnMut(usize, usize),
    ) {
        if rows == 0 || columns == 0 {
            return;
        }
        let capped = |row: usize, column: usize| cost(row, column).min(cost_max);
        // Every row finds a column only where there are no fewer of them.
        if rows <= columns {
            self.solve(rows, columns, capped);
        } else {
            self.solve(columns, rows, |a, b| capped(b, a));
        }
        for column in 1..=rows.max(columns) {
            let Some(row) = self.row_of[column].checked_sub(1) else {
                continue;
            };
            let (row, column) = if rows <= columns {
                (row, column - 1)
            } else {
                (column - 1, row)
            };
            if cost(row, column) < cost_max {
                matched(row, column);
            }
        }
    }

    fn solve(&mut self, rows: usize, columns: usize, cost: impl Fn(usize, usize) -> f32) {
        self.row_price[..=rows].fill(0.0);
        self.column_price[..=columns].fill(0.0);
        self.row_of[..=columns].fill(0);
        for row in 1..=rows {
            let mut column = self.shortest_path(row, columns, &cost);
            // Along the path each row gives its column to the one before.
            while column != 0 {
                let before = self.before[column];
                self.row_of[column] = self.row_of[before];
                column = before;
            }
        }
    }

    /// The free column that `row` reaches at least cost; the path there is in `before`.
    fn shortest_path(
        &mut self,
        row: usize,
        columns: usize,
        cost: &impl Fn(usize, usize) -> f32,
    ) -> usize {
        self.row_of[0] = row;
        self.distance[..=columns].fill(f32::INFINITY);
        self.is_done[..=columns].fill(false);
        let mut here = 0;
        while self.row_of[here] != 0 {
            self.is_done[here] = true;
            let row = self.row_of[here];
            let (mut nearest, mut next) = (f32::INFINITY, 0);
            for column in 1..=columns {
                if self.is_done[column] {
                    continue;
                }
                let reduced =
                    cost(row - 1, column - 1) - self.row_price[row] - self.column_price[column];
                if reduced < self.distance[column] {
                    self.distance[column] = reduced;
                    self.before[column] = here;
                }
                if self.distance[column] < nearest {
                    nearest = self.distance[column];
                    next = column;
                }
            }
            for column in 0..=columns {
                if self.is_done[column] {
                    self.row_price[self.row_of[column]] += nearest;
                    self.column_price[column] -= nearest;
                } else {
                    self.distance[column] -= nearest;
                }
            }
            here = next;
        }
        here
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn solve(rows: usize, columns: usize, cost_max: f32, costs: &[f32]) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        let cost = |row: usize, column: usize| costs[row * columns + column];
        Assigner::new(8).assign((rows, columns), cost_max, cost, |r, c| pairs.push((r, c)));
        pairs.sort();
        pairs
    }

    /// The least cost of all assignments, by trying them.
    fn least(
        rows: usize,
        columns: usize,
        cost_max: f32,
        costs: &[f32],
        row: usize,
        used: u32,
    ) -> f32 {
        if row == rows {
            return 0.0;
        }
        let rest = |used| least(rows, columns, cost_max, costs, row + 1, used);
        (0..columns)
            .filter(|column| used & 1 << column == 0)
            .map(|column| costs[row * columns + column].min(cost_max) + rest(used | 1 << column))
            .fold(cost_max + rest(used), f32::min)
    }

    #[test]
    fn the_greedy_choice_is_not_taken_where_it_costs_more_in_all() {
        // Row 0 would take column 0, but only row 0 can do without it.
        assert_eq!(solve(2, 2, 1.0, &[0.1, 0.2, 0.15, 0.9]), [(0, 1), (1, 0)]);
    }

    #[test]
    fn what_is_too_far_stays_alone() {
        assert_eq!(solve(2, 1, 0.5, &[0.7, 0.6]), []);
        assert_eq!(solve(1, 3, 0.5, &[0.7, 0.4, 0.45]), [(0, 1)]);
        assert_eq!(solve(0, 3, 0.5, &[]), []);
    }

    proptest! {
        #[test]
        fn nothing_costs_less(
            (rows, columns) in (1usize..6, 1usize..6),
            costs in proptest::collection::vec(0.0f32..1.0, 25),
        ) {
            let cost_max = 0.8;
            let pairs = solve(rows, columns, cost_max, &costs);
            let alone = (rows - pairs.len()) as f32 * cost_max;
            let total: f32 = pairs.iter().map(|(r, c)| costs[r * columns + c]).sum();
            let best = least(rows, columns, cost_max, &costs, 0, 0);
            prop_assert!((total + alone - best).abs() < 1e-4, "{pairs:?} {best}");
            for (i, a) in pairs.iter().enumerate() {
                prop_assert!(pairs[..i].iter().all(|b| a.0 != b.0 && a.1 != b.1));
            }
        }
    }
}
