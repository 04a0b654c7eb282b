//! Two-qubit matrices in the magic basis: phases times a rotation, once one-qubit matrices are split off.
//!
//! Every two-qubit unitary is a pair of one-qubit matrices, phases in the magic basis, and another pair (Khaneja and
//! Glaser, quant-ph/0010100; Kraus and Cirac, quant-ph/0011050). In that basis a pair of one-qubit matrices is a real
//! rotation of four numbers. Where the left pair can be left to what follows, half of the arithmetic is saved.
#![allow(clippy::needless_range_loop, reason = "rows and columns index several matrices at once")]

use qhal::Complex64;

const ZERO: Complex64 = Complex64::ZERO;
const HALF: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// A matrix on two qubits, row after row; the first qubit is the lower bit of an index.
pub(crate) type Four = [[Complex64; 4]; 4];
type One = [[Complex64; 2]; 2];
type Rotation = [[f64; 4]; 4];

/// Diagonal elements that a rotation may be divided by; `split` leaves none below 1/16.
const MIN_PIVOT: f64 = 0.05;

/// The columns are the Bell states with the phases that make local matrices real (Hill and Wootters, PRL 78, 5022).
const MAGIC: Four = {
    const fn c(re: f64, im: f64) -> Complex64 {
        Complex64::new(re, im)
    }
    const O: Complex64 = c(0.0, 0.0);
    [
        [c(HALF, 0.0), c(0.0, HALF), O, O],
        [O, O, c(0.0, HALF), c(HALF, 0.0)],
        [O, O, c(0.0, HALF), c(-HALF, 0.0)],
        [c(HALF, 0.0), c(0.0, -HALF), O, O],
    ]
};

pub(crate) fn times(left: &Four, right: &Four) -> Four {
    let mut product = [[ZERO; 4]; 4];
    for (row, line) in product.iter_mut().zip(left) {
        for (element, factors) in line.iter().zip(right) {
            for (sum, factor) in row.iter_mut().zip(factors) {
                *sum += element * factor;
            }
        }
    }
    product
}

fn adjoint(matrix: &Four) -> Four {
    std::array::from_fn(|r| std::array::from_fn(|c| matrix[c][r].conj()))
}

fn complex(rotation: &Rotation) -> Four {
    rotation.map(|row| row.map(Complex64::from))
}

fn into_magic(matrix: &Four) -> Four {
    times(&adjoint(&MAGIC), &times(matrix, &MAGIC))
}

fn out_of_magic(matrix: &Four) -> Four {
    times(&MAGIC, &times(matrix, &adjoint(&MAGIC)))
}

/// `first ⊗ second` with the first qubit as the lower bit.
pub(crate) fn product(first: &One, second: &One) -> Four {
    std::array::from_fn(|r| std::array::from_fn(|c| first[r & 1][c & 1] * second[r >> 1][c >> 1]))
}

/// A matrix as phases and a rotation in the magic basis: `diag(phases) · rotation`.
#[derive(Clone, Debug)]
pub(crate) struct Core {
    pub(crate) phases: [Complex64; 4],
    pub(crate) rotation: Rotation,
}

/// Reads a matrix as a core if it is one whose rotation can be divided by its diagonal.
pub(crate) fn core(matrix: &Four) -> Option<Core> {
    let inside = into_magic(matrix);
    let mut core = Core { phases: [ZERO; 4], rotation: [[0.0; 4]; 4] };
    for row in 0..4 {
        let pivot = inside[row][row];
        if pivot.norm() < MIN_PIVOT {
            return None;
        }
        core.phases[row] = pivot / pivot.norm();
        for column in 0..4 {
            let element = inside[row][column] / core.phases[row];
            if element.im.abs() > 1e-13 {
                return None;
            }
            core.rotation[row][column] = element.re;
        }
    }
    Some(core)
}

/// What `split` makes of a unitary: `matrix = (first ⊗ second) · core`.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    /// A matrix that [`core`] reads.
    pub(crate) core: Four,
    pub(crate) first: One,
    pub(crate) second: One,
}

/// Splits one-qubit matrices off to the left; `None` where rounding is in the way.
pub(crate) fn split(matrix: &Four) -> Option<Split> {
    let inside = into_magic(matrix);
    // inside = K·D·Pᵀ with rotations K and P: insideᵀ·inside = P·D²·Pᵀ.
    let transposed: Four = std::array::from_fn(|r| std::array::from_fn(|c| inside[c][r]));
    let squared = times(&transposed, &inside);
    let mut right = diagonalize(&squared);
    if determinant(&right) < 0.0 {
        right.iter_mut().for_each(|row| row[0] = -row[0]);
    }
    let square = times(&times(&transpose_of(&right), &squared), &complex(&right));
    let mut phases: [Complex64; 4] = std::array::from_fn(|k| Complex64::cis(square[k][k].arg() / 2.0));
    let whole = times(&inside, &complex(&right));
    let mut left: Rotation = [[0.0; 4]; 4];
    for (row, line) in left.iter_mut().enumerate() {
        for (column, element) in line.iter_mut().enumerate() {
            let value = whole[row][column] * phases[column].conj();
            if value.im.abs() > 1e-12 {
                return None;
            }
            *element = value.re;
        }
    }
    if determinant(&left) < 0.0 {
        left.iter_mut().for_each(|row| row[0] = -row[0]);
        phases[0] = -phases[0];
    }
    let (order, signs) = best_order(&right)?;
    let rotation: Rotation =
        std::array::from_fn(|row| std::array::from_fn(|column| signs[row] * right[column][order[row]]));
    let local: Four = std::array::from_fn(|row| {
        std::array::from_fn(|column| Complex64::from(left[row][order[column]] * signs[column]))
    });
    let phased: Four =
        std::array::from_fn(|row| std::array::from_fn(|column| phases[order[row]] * rotation[row][column]));
    let (first, second) = factors(&out_of_magic(&local))?;
    Some(Split { core: out_of_magic(&phased), first, second })
}

fn transpose_of(rotation: &Rotation) -> Four {
    std::array::from_fn(|r| std::array::from_fn(|c| Complex64::from(rotation[c][r])))
}

/// A rotation whose columns are eigenvectors of both parts of a symmetric unitary: Jacobi's method for two matrices at
/// once (Bunse-Gerstner, Byers and Mehrmann, SIAM J. Matrix Anal. Appl. 14, 927 (1993)).
fn diagonalize(matrix: &Four) -> Rotation {
    let mut parts: [Rotation; 2] =
        [matrix.map(|row| row.map(|element| element.re)), matrix.map(|row| row.map(|element| element.im))];
    let mut vectors: Rotation = std::array::from_fn(|r| std::array::from_fn(|c| f64::from(r == c)));
    for _ in 0..40 {
        let above = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];
        let largest = parts
            .iter()
            .flat_map(|part| above.map(|(p, q)| part[p][q].abs()))
            .fold(0.0f64, |largest, element| if element > largest { element } else { largest });
        if largest < 5e-16 {
            break;
        }
        // Two planes that have no axis in common at a time: the angles of one do not wait for the other's.
        turn_planes::<0, 1, 2, 3>(&mut parts, &mut vectors);
        turn_planes::<0, 2, 1, 3>(&mut parts, &mut vectors);
        turn_planes::<0, 3, 1, 2>(&mut parts, &mut vectors);
    }
    vectors
}

/// Turns the planes of axes P and Q and of R and S (P < Q, R < S, P < R) so that both parts are as diagonal in them as can
/// be; of the parts, only what is on and above the diagonal is kept.
#[inline(always)]
fn turn_planes<const P: usize, const Q: usize, const R: usize, const S: usize>(
    parts: &mut [Rotation; 2],
    vectors: &mut Rotation,
) {
    let angle = |p: usize, q: usize| {
        let (mut on, mut off) = (0.0, 0.0);
        for part in parts.iter() {
            let (apart, mixed) = (part[p][p] - part[q][q], 2.0 * part[p][q]);
            on += apart * apart - mixed * mixed;
            off += 2.0 * apart * mixed;
        }
        half_angle(on, off)
    };
    let ((s1, c1), (s2, c2)) = (angle(P, Q), angle(R, S));
    for part in parts {
        for (p, q, s, c) in [(P, Q, s1, c1), (R, S, s2, c2)] {
            let (first, last, mixed) = (part[p][p], part[q][q], part[p][q]);
            let (squares, product) = ((c - s) * (c + s), s * c);
            part[p][p] = c * c * first + 2.0 * product * mixed + s * s * last;
            part[q][q] = s * s * first - 2.0 * product * mixed + c * c * last;
            part[p][q] = squares * mixed + product * (last - first);
        }
        // Between the planes, by their places above the diagonal: rows turn by the one angle, columns by the other.
        let place = |a: usize, b: usize| if a < b { (a, b) } else { (b, a) };
        let at = |part: &Rotation, (row, column): (usize, usize)| part[row][column];
        let (pr, ps, qr, qs) = (place(P, R), place(P, S), place(Q, R), place(Q, S));
        let (a, b, c, d) = (at(part, pr), at(part, ps), at(part, qr), at(part, qs));
        let (a, b, c, d) = (c1 * a + s1 * c, c1 * b + s1 * d, c1 * c - s1 * a, c1 * d - s1 * b);
        for ((row, column), value) in
            [(pr, c2 * a + s2 * b), (ps, c2 * b - s2 * a), (qr, c2 * c + s2 * d), (qs, c2 * d - s2 * c)]
        {
            part[row][column] = value;
        }
    }
    for row in vectors {
        (row[P], row[Q]) = (c1 * row[P] + s1 * row[Q], c1 * row[Q] - s1 * row[P]);
        (row[R], row[S]) = (c2 * row[R] + s2 * row[S], c2 * row[S] - s2 * row[R]);
    }
}

/// Sine and cosine of half the angle whose tangent is `off / (on + √(on² + off²))`.
fn half_angle(on: f64, off: f64) -> (f64, f64) {
    let length = (on * on + off * off).sqrt();
    // Without the cancellation that the sum would suffer.
    let along = if on < 0.0 { off * off / (length - on) } else { on + length };
    let length = (along * along + off * off).sqrt();
    if length > 0.0 {
        let c = (0.5 + 0.5 * along / length).sqrt();
        (0.5 * off / (length * c), c)
    } else if on < 0.0 {
        (HALF, HALF)
    } else {
        (0.0, 1.0)
    }
}

fn determinant(m: &Rotation) -> f64 {
    let minor = |a: usize, b: usize, c: usize, d: usize| m[a][c] * m[b][d] - m[a][d] * m[b][c];
    minor(0, 1, 0, 1) * minor(2, 3, 2, 3) - minor(0, 1, 0, 2) * minor(2, 3, 1, 3)
        + minor(0, 1, 0, 3) * minor(2, 3, 1, 2)
        + minor(0, 1, 1, 2) * minor(2, 3, 0, 3)
        - minor(0, 1, 1, 3) * minor(2, 3, 0, 2)
        + minor(0, 1, 2, 3) * minor(2, 3, 0, 1)
}

/// The order and the signs of eigenvectors that make the smallest diagonal element largest; signs keep a rotation one.
fn best_order(vectors: &Rotation) -> Option<([usize; 4], [f64; 4])> {
    let (mut best, mut largest) = (None, 0.0);
    for code in 0..64usize {
        let (a, b, c) = (code & 3, code >> 2 & 3, code >> 4);
        if a == b || a == c || b == c {
            continue;
        }
        let order = [a, b, c, 6 - a - b - c];
        let smallest = (0..4).map(|row| vectors[row][order[row]].abs()).fold(f64::INFINITY, f64::min);
        if smallest > largest {
            (best, largest) = (Some(order), smallest);
        }
    }
    let order = best?;
    let inversions = (1..4).map(|a| (0..a).filter(|&b| order[b] > order[a]).count()).sum::<usize>();
    Some((order, [if inversions % 2 == 1 { -1.0 } else { 1.0 }, 1.0, 1.0, 1.0]))
}

/// The factors of a tensor product.
fn factors(whole: &Four) -> Option<(One, One)> {
    let places = (0..4).flat_map(|row| (0..4).map(move |column| (row, column)));
    let (row, column) =
        places.max_by(|a, b| whole[a.0][a.1].norm_sqr().total_cmp(&whole[b.0][b.1].norm_sqr()))?;
    let block = |r: usize, c: usize| whole[r | row & 2][c | column & 2];
    let determinant = block(0, 0) * block(1, 1) - block(0, 1) * block(1, 0);
    let scale = determinant.norm().sqrt();
    let first: One = std::array::from_fn(|r| std::array::from_fn(|c| block(r, c) / scale));
    let pivot = first[row & 1][column & 1];
    let second: One = std::array::from_fn(|r| {
        std::array::from_fn(|c| whole[r << 1 | row & 1][c << 1 | column & 1] / pivot)
    });
    let exact = product(&first, &second);
    let off = (0..16).map(|at| (exact[at / 4][at % 4] - whole[at / 4][at % 4]).norm()).fold(0.0, f64::max);
    (off < 1e-12).then_some((first, second))
}

/// What the kernels multiply by: rows of the rotation without the diagonal, factors 1 to 3, and what is left of all.
pub(crate) struct Encoded {
    pub(crate) elements: [[f64; 3]; 4],
    pub(crate) factors: [Complex64; 3],
    pub(crate) global: Complex64,
}

impl Core {
    pub(crate) fn encode(&self) -> Encoded {
        let others = [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]];
        let pivot = |row: usize| self.rotation[row][row];
        let first = self.phases[0] * pivot(0);
        Encoded {
            elements: std::array::from_fn(|row| {
                others[row].map(|column| self.rotation[row][column] / pivot(row))
            }),
            factors: std::array::from_fn(|at| self.phases[at + 1] * pivot(at + 1) / first),
            // The kernels leave out the 1/√2 of both changes of basis.
            global: first * 0.5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const I: Complex64 = Complex64::I;

    fn one(seed: f64) -> One {
        let ((s, c), (a, b)) = (seed.sin_cos(), (1.7 * seed, 2.9 * seed));
        [[c * Complex64::cis(a), -s * Complex64::cis(b)], [s * Complex64::cis(-b), c * Complex64::cis(-a)]]
    }

    /// e^{i(x·XX + y·YY + z·ZZ)}: x ± y turn the two parities, z is their phase.
    fn interaction(x: f64, y: f64, z: f64) -> Four {
        let (even, odd) = (Complex64::cis(z), Complex64::cis(-z));
        let mut matrix = [[ZERO; 4]; 4];
        for (a, b, phase, angle) in [(0, 3, even, x - y), (1, 2, odd, x + y)] {
            (matrix[a][a], matrix[b][b]) = (phase * angle.cos(), phase * angle.cos());
            (matrix[a][b], matrix[b][a]) = (phase * I * angle.sin(), phase * I * angle.sin());
        }
        matrix
    }

    fn distance(a: &Four, b: &Four) -> f64 {
        (0..16).map(|at| (a[at / 4][at % 4] - b[at / 4][at % 4]).norm()).fold(0.0, f64::max)
    }

    #[test]
    fn splits_are_exact_for_all_classes_of_two_qubit_unitaries() {
        let quarter = std::f64::consts::FRAC_PI_4;
        // Identity, cx, iswap, swap, √swap, B, and generic ones.
        let classes = [
            (0.0, 0.0, 0.0),
            (quarter, 0.0, 0.0),
            (quarter, quarter, 0.0),
            (quarter, quarter, quarter),
            (quarter / 2.0, quarter / 2.0, quarter / 2.0),
            (quarter, quarter / 2.0, 0.0),
            (0.3, 0.3, 0.1),
            (0.61, 0.37, -0.2),
            (1e-9, 0.0, 1e-8),
        ];
        for (x, y, z) in classes {
            for seed in 0..20 {
                let angle = |k: u32| 0.37 * f64::from(4 * seed + k);
                let before = product(&one(angle(0)), &one(angle(1)));
                let after = product(&one(angle(2)), &one(angle(3)));
                let matrix = times(&after, &times(&interaction(x, y, z), &before));
                let split = split(&matrix).unwrap();
                let again = times(&product(&split.first, &split.second), &split.core);
                assert!(distance(&again, &matrix) < 1e-13, "{x} {y} {z} {seed}");
                let core = core(&split.core).unwrap();
                let Encoded { elements, factors, global } = core.encode();
                assert!(elements.iter().flatten().all(|element| element.abs() < 16.0));
                assert!(factors.iter().all(|factor| factor.norm() < 16.0) && global.norm() > 0.03);
            }
        }
    }

    #[test]
    fn what_is_no_core_is_not_read_as_one() {
        let before = product(&one(0.4), &one(1.3));
        let matrix = times(&before, &times(&interaction(0.6, 0.3, 0.1), &before));
        assert!(core(&matrix).is_none());
        assert!(core(&[[ZERO; 4]; 4]).is_none());
    }
}
