//! The bit-plane picture: a square for each bit of a sample, in which every dot is that bit of one sample.
//!
//! What repeats shows as a texture, a dead bit as an even area. Samples go along the lines.

use base64::Engine;
use qhal::{Error, ErrorKind, Result};

/// Dots along a side of each square.
const SIDE: usize = 256;

/// Samples in the picture.
pub(crate) const SAMPLES: usize = SIDE * SIDE;

/// Squares side by side, and dots between them.
const COLUMNS: usize = 4;
const GAP: usize = 8;

/// A picture with one byte a dot: 0 for a zero, 1 for a one, 2 where there is nothing.
pub(crate) struct Planes {
    width: usize,
    height: usize,
    dots: Vec<u8>,
    bits: u8,
}

impl Planes {
    /// Of the first samples of `bits` bits.
    pub(crate) fn new(samples: &[u8], bits: u8) -> Self {
        let squares = usize::from(bits.clamp(1, 8));
        let columns = squares.min(COLUMNS);
        let rows = squares.div_ceil(COLUMNS);
        let width = columns * (SIDE + GAP) - GAP;
        let height = rows * (SIDE + GAP) - GAP;
        let mut dots = vec![2; width * height];
        for square in 0..squares {
            let (left, top) = ((square % COLUMNS) * (SIDE + GAP), (square / COLUMNS) * (SIDE + GAP));
            let bit = squares - 1 - square;
            for (line, samples) in samples.chunks(SIDE).take(SIDE).enumerate() {
                let start = (top + line) * width + left;
                for (dot, sample) in dots.iter_mut().skip(start).zip(samples) {
                    *dot = sample >> bit & 1;
                }
            }
        }
        Self { width, height, dots, bits: squares as u8 }
    }

    /// As a PNG of three colours, the third of which is transparent.
    ///
    /// # Errors
    /// `Other` when it cannot be encoded.
    pub(crate) fn png(&self) -> Result<Vec<u8>> {
        let failed = |cause: png::EncodingError| {
            Error::new(ErrorKind::Other, "the picture cannot be encoded").because(cause)
        };
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Two);
        encoder.set_palette(vec![0xF4, 0xF2, 0xEC, 0x1D, 0x3A, 0x5F, 0, 0, 0]);
        encoder.set_trns(vec![255, 255, 0]);
        let mut packed: Vec<u8> = Vec::with_capacity(self.height * self.width.div_ceil(4));
        for line in self.dots.chunks(self.width) {
            for four in line.chunks(4) {
                packed.push(four.iter().zip([6, 4, 2, 0]).map(|(dot, at)| dot << at).sum());
            }
        }
        let mut writer = encoder.write_header().map_err(failed)?;
        writer.write_image_data(&packed).map_err(failed)?;
        writer.finish().map_err(failed)?;
        Ok(bytes)
    }

    /// The PNG as an address that a page can hold.
    ///
    /// # Errors
    /// As [`png`](Self::png).
    pub(crate) fn data_address(&self) -> Result<String> {
        let encoded = base64::engine::general_purpose::STANDARD.encode(self.png()?);
        Ok(format!("data:image/png;base64,{encoded}"))
    }

    /// As an SVG with the number of the bit over each square.
    ///
    /// # Errors
    /// As [`png`](Self::png).
    pub(crate) fn svg(&self) -> Result<String> {
        const TITLE: usize = 24;
        let address = self.data_address()?;
        // One strip of the picture for each row of squares, so that titles fit between.
        let rows = usize::from(self.bits).div_ceil(COLUMNS);
        let mut body = String::new();
        for row in 0..rows {
            let top = row * (SIDE + GAP + TITLE) + TITLE;
            let (width, height, up) = (self.width, self.height, row * (SIDE + GAP));
            body.push_str(&format!(
                "<svg x=\"0\" y=\"{top}\" width=\"{width}\" height=\"{SIDE}\" viewBox=\"0 {up} {width} {SIDE}\">\
                 <image width=\"{width}\" height=\"{height}\" style=\"image-rendering:pixelated\" href=\"{address}\"/></svg>\n"
            ));
            for column in 0..COLUMNS.min(usize::from(self.bits) - row * COLUMNS) {
                let bit = usize::from(self.bits) - 1 - row * COLUMNS - column;
                let (x, y) = (column * (SIDE + GAP), top - 7);
                body.push_str(&format!("<text x=\"{x}\" y=\"{y}\">bit {bit}</text>\n"));
            }
        }
        let (width, height) = (self.width, rows * (SIDE + GAP + TITLE));
        Ok(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"#5b6675\">\n\
             <title>Bit planes of the first samples</title>\n{body}</svg>\n"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Read back with the decoder.
    #[test]
    fn every_dot_is_the_bit_of_its_sample() {
        let samples: Vec<u8> = (0..SAMPLES + 1000).map(|i| (i * 7 % 256) as u8).collect();
        for bits in [1u8, 4, 5, 8] {
            let narrow: Vec<u8> = samples.iter().map(|sample| sample >> (8 - bits)).collect();
            let bytes = Planes::new(&narrow, bits).png().unwrap();
            let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
            decoder.set_transformations(png::Transformations::IDENTITY);
            let mut reader = decoder.read_info().unwrap();
            let mut packed = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut packed).unwrap();
            let dot = |x: usize, y: usize| packed[y * info.line_size + x / 4] >> (6 - 2 * (x % 4)) & 3;
            for square in 0..usize::from(bits) {
                let (left, top) = (square % 4 * 264, square / 4 * 264);
                for at in [0, 1, 255, 256, 65_535] {
                    let expected = narrow[at] >> (usize::from(bits) - 1 - square) & 1;
                    assert_eq!(
                        dot(left + at % 256, top + at / 256),
                        expected,
                        "bit {square} of {bits}, {at}"
                    );
                }
            }
        }
    }

    #[test]
    fn few_samples_leave_the_rest_empty() {
        let picture = Planes::new(&[1, 2, 3], 8);
        assert_eq!(picture.dots.iter().filter(|dot| **dot != 2).count(), 3 * 8);
        assert!(picture.svg().unwrap().contains(">bit 7</text>"));
    }
}
