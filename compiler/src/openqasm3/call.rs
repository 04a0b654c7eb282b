//! Calls of gates and subroutines, and measurements.

use std::rc::Rc;

use qhal::circuit::{Library, Operation};
use qhal::{Circuit, Gate};

use super::assign::{merged_bit, target};
use super::evaluate::simple_float;
use super::gates::{Change, Does, Part, changed};
use super::logic::Logic;
use super::place::{Action, Step};
use super::run::Flow;
use super::syntax::{Binary, Expr, Expression, GateDefinition, Modifier, Subroutine, Type, Unary};
use super::value::{Kind, Value, unsupported};
use super::{Entry, Machine, Scope};
use crate::diagnostic::{Fault, Read};
use crate::lexer::quoted;
use crate::openqasm2::same;

/// Gates and subroutines that may run inside each other.
const DEEPEST_CALL: u32 = 48;
/// A definition of more parts is no explanation of a gate of the table.
const MOST_EXPLAINING: usize = 64;
/// Angles that no coincidence makes two gates agree at.
const ANGLES: [[f64; 4]; 2] = [[0.731, -1.237, 2.113, 0.467], [-2.291, 0.389, 1.013, -0.853]];

/// What is called.
enum Callee {
    Known(Gate),
    Defined(Rc<GateDefinition>),
}

impl Machine<'_> {
    /// Makes the gates of `stdgates.inc` known, and all others of the table unless the program defines them.
    pub(super) fn include_library(&mut self) {
        if std::mem::replace(&mut self.library, true) {
            return;
        }
        for gate in Gate::all().filter(|gate| gate.qubits() > 0) {
            let spec = gate.spec();
            let published = matches!(spec.library, Library::Stdgates | Library::Both);
            for name in std::iter::once(&spec.name).chain(spec.aliases) {
                let yielding = !published || *name != spec.name;
                self.globals.entry((*name).into()).or_insert(Entry::Known { gate, yielding });
            }
        }
    }

    pub(super) fn push(&mut self, action: Action, at: usize) -> Read<()> {
        if self.parts.is_some() {
            return self.push_part(action, at);
        }
        self.count(1, at)?;
        let cases = match &self.path {
            Logic::Known(true) => None,
            Logic::Known(false) => return Ok(()),
            Logic::When(cubes) => {
                self.check_stands(&self.path, at)?;
                self.count(cubes.len() as u64, at)?;
                let Logic::When(cubes) = &self.path else { return Ok(()) };
                Some(Rc::clone(cubes))
            }
        };
        self.steps.push(Step { at, cases, action });
        Ok(())
    }

    /// In the body of a gate: only what is unitary, and barriers.
    fn push_part(&mut self, action: Action, at: usize) -> Read<()> {
        let part = match action {
            Action::Barrier(qubits) => Part { does: Does::Barrier, controls: Vec::new(), targets: qubits },
            Action::Delay(..) => return Ok(()),
            _ => return Err(Fault::new(at, "the body of a gate neither measures nor resets")),
        };
        self.parts.get_or_insert_default().push(part);
        Ok(())
    }

    pub(super) fn call(
        &mut self,
        modifiers: &[Modifier],
        name: &str,
        angles: &[Expr],
        operands: &[Expr],
        at: usize,
    ) -> Read<()> {
        let callee = match self.find(name) {
            Some(Entry::Known { gate, .. }) => Callee::Known(*gate),
            Some(Entry::Defined(definition)) => Callee::Defined(Rc::clone(definition)),
            // Early drafts of the language, and examples of the specification, call subroutines as gates are called.
            Some(Entry::Subroutine(subroutine)) if modifiers.is_empty() => {
                let subroutine = Rc::clone(subroutine);
                let arguments: Vec<Expr> = angles.iter().chain(operands).cloned().collect();
                return self.subroutine(&subroutine, &arguments, at).map(|_| ());
            }
            Some(_) => return Err(Fault::new(at, format!("{} is not a gate", quoted(name)))),
            None => {
                let known = !self.library && name.parse::<Gate>().is_ok();
                let hint = if known { "; 'include \"stdgates.inc\";' declares it" } else { "" };
                return Err(Fault::new(at, format!("there is no gate {}{hint}", quoted(name))));
            }
        };
        let mut values = [0.0; 4];
        let mut more = Vec::new();
        for (place, angle) in angles.iter().enumerate() {
            let value = simple_float(self, angle)?;
            match values.get_mut(place) {
                Some(slot) if angles.len() <= 4 => *slot = value,
                _ => more.push(value),
            }
        }
        let params = if angles.len() <= 4 { &values[..angles.len()] } else { &more };
        let (wanted_angles, wanted_qubits) = match &callee {
            Callee::Known(gate) => (gate.params(), gate.qubits()),
            Callee::Defined(definition) => (definition.angles.len(), definition.qubits.len()),
        };
        if params.len() != wanted_angles {
            return Err(Fault::new(
                at,
                format!("{} takes {wanted_angles} angle(s), not {}", quoted(name), params.len()),
            ));
        }
        let (counts, controls) = self.counts(modifiers)?;
        let wanted = wanted_qubits + controls;
        let mut registers = Vec::with_capacity(operands.len());
        for operand in operands {
            registers.push(self.operand(operand)?);
        }
        if registers.len() != wanted {
            return Err(Fault::new(
                at,
                format!("{} takes {wanted} qubit(s), not {}", quoted(name), registers.len()),
            ));
        }
        let times = registers.iter().filter(|(_, single)| !single).map(|(qubits, _)| qubits.len()).max();
        if let Some((qubits, _)) =
            registers.iter().find(|(qubits, single)| !single && Some(qubits.len()) != times)
        {
            let (one, other) = (times.unwrap_or(1), qubits.len());
            return Err(Fault::new(
                at,
                format!("registers of {one} and of {other} qubits do not go together"),
            ));
        }
        for round in 0..times.unwrap_or(1) {
            let of = |(qubits, single): &(Rc<[u32]>, bool)| qubits[if *single { 0 } else { round }];
            let qubits: Vec<u32> = registers.iter().map(of).collect();
            self.once(&callee, params, &counts, &qubits, at)?;
        }
        Ok(())
    }

    /// A power. `1/2` is a half here, as `stdgates.inc` of the specification means it, and not the quotient of whole numbers.
    fn power(&mut self, expr: &Expr) -> Read<f64> {
        match &expr.is {
            Expression::Binary(Binary::Divide, left, right) => Ok(self.power(left)? / self.power(right)?),
            Expression::Unary(Unary::Minus, of) => Ok(-self.power(of)?),
            _ => simple_float(self, expr),
        }
    }

    /// What the modifiers say, and how many controls they add; controls get their qubits later.
    fn counts(&mut self, modifiers: &[Modifier]) -> Read<(Vec<(Change, usize)>, usize)> {
        let mut changes = Vec::with_capacity(modifiers.len());
        let mut controls = 0;
        for modifier in modifiers {
            let change = match modifier {
                Modifier::Inv => (Change::Inv, 0),
                Modifier::Pow(power) => (Change::Pow(self.power(power)?), 0),
                Modifier::Control { count, on } => {
                    let count = match count {
                        Some(count) => {
                            let wanted = self.evaluate(count)?.int(count.at)?;
                            usize::try_from(wanted).ok().filter(|count| (1..=64).contains(count)).ok_or_else(
                                || {
                                    Fault::new(
                                        count.at,
                                        format!("a gate gets from 1 to 64 controls, not {wanted}"),
                                    )
                                },
                            )?
                        }
                        None => 1,
                    };
                    controls += count;
                    (Change::Control(Vec::new(), *on), count)
                }
            };
            changes.push(change);
        }
        Ok((changes, controls))
    }

    /// A gate on qubits that are no registers.
    fn once(
        &mut self,
        callee: &Callee,
        params: &[f64],
        changes: &[(Change, usize)],
        qubits: &[u32],
        at: usize,
    ) -> Read<()> {
        if let (Callee::Known(gate), [], None) = (callee, changes, &self.parts) {
            let params = qhal::circuit::Params::new(params);
            return self.push(Action::Gate(*gate, params, qubits.to_vec()), at);
        }
        let mut rest = qubits;
        let mut with_qubits = Vec::with_capacity(changes.len());
        for (change, count) in changes {
            let (own, others) = rest.split_at_checked(*count).unwrap_or((rest, &[]));
            rest = others;
            with_qubits.push(match change {
                Change::Control(_, on) => Change::Control(own.to_vec(), *on),
                other => other.clone(),
            });
        }
        let mut parts = match callee {
            Callee::Known(gate) => Part::of(*gate, params, rest),
            Callee::Defined(definition) => self.body(definition, params, rest, at)?,
        };
        for change in with_qubits.iter().rev() {
            self.count(0, at)?;
            parts = changed(parts, change, at)?;
            self.work = self.work.saturating_add(parts.len() as u64);
        }
        if let Some(outer) = &mut self.parts {
            outer.extend(parts);
            let many = outer.len() as u64;
            if many > self.limits.instructions {
                return Err(Fault::new(
                    at,
                    format!("this gate is more than {} others", self.limits.instructions),
                ));
            }
            return self.count(0, at);
        }
        for part in parts {
            self.push_simplified(part, at)?;
        }
        Ok(())
    }

    fn push_simplified(&mut self, part: Part, at: usize) -> Read<()> {
        let part = part.simplified();
        match &part.does {
            Does::Phase { seen: false, .. } => Ok(()),
            Does::Phase { angle, .. } => {
                self.push(Action::Gate(Gate::GPhase, qhal::circuit::Params::new(&[*angle]), Vec::new()), at)
            }
            Does::Barrier => self.push(Action::Barrier(part.targets), at),
            Does::Gate(gate, params) if part.controls.is_empty() => {
                self.push(Action::Gate(*gate, *params, part.targets), at)
            }
            _ => {
                let (matrix, controls, qubits) = part.matrix(at)?;
                self.push(Action::Unitary(Rc::new(matrix), controls, qubits), at)
            }
        }
    }

    /// The parts that the body of a gate is made of.
    fn body(
        &mut self,
        definition: &GateDefinition,
        params: &[f64],
        qubits: &[u32],
        at: usize,
    ) -> Read<Vec<Part>> {
        let mut frame = Scope::new();
        for (name, angle) in definition.angles.iter().zip(params) {
            frame.insert(Rc::clone(name), self.held(Kind::Float, Value::Float(*angle), true, at));
        }
        for (name, qubit) in definition.qubits.iter().zip(qubits) {
            frame.insert(Rc::clone(name), Entry::Qubits { qubits: Rc::from([*qubit]), single: true });
        }
        let outer = self.parts.replace(Vec::new());
        let flow = self.in_frame(frame, &definition.body, at);
        let parts = std::mem::replace(&mut self.parts, outer).unwrap_or_default();
        flow.map(|_| parts)
    }

    fn in_frame(&mut self, frame: Scope, body: &[super::syntax::Stmt], at: usize) -> Read<Flow> {
        if self.calls >= DEEPEST_CALL {
            return Err(Fault::new(at, format!("calls are nested more than {DEEPEST_CALL} deep")));
        }
        self.calls += 1;
        let outer = std::mem::replace(&mut self.scopes, vec![frame]);
        let before = (self.loop_under, self.call_under);
        (self.loop_under, self.call_under) = (self.under, self.under);
        let flow = self.statements(body);
        (self.loop_under, self.call_under) = before;
        let inner = std::mem::replace(&mut self.scopes, outer);
        self.last_frame = inner.into_iter().next();
        self.calls -= 1;
        flow
    }

    /// Carries out a subroutine.
    pub(super) fn subroutine(
        &mut self,
        subroutine: &Rc<Subroutine>,
        arguments: &[Expr],
        at: usize,
    ) -> Read<Option<Value>> {
        let name = quoted(&subroutine.name);
        let Some(body) = &subroutine.body else {
            return Err(unsupported(
                at,
                format!("{name} is extern: it is carried out by a machine that is not here"),
            ));
        };
        if arguments.len() != subroutine.parameters.len() {
            let (wanted, found) = (subroutine.parameters.len(), arguments.len());
            return Err(Fault::new(at, format!("{name} takes {wanted} argument(s), not {found}")));
        }
        let mut frame = Scope::new();
        for (parameter, argument) in subroutine.parameters.iter().zip(arguments) {
            let entry = match &parameter.of {
                Type::Qubit(size) => {
                    let qubits = self.qubits(argument)?;
                    let width = match size {
                        Some(size) => self.evaluate(size)?.int(size.at)?,
                        None => 1,
                    };
                    if qubits.len() as i128 != width {
                        let message =
                            format!("{name} takes {width} qubit(s) here, and these are {}", qubits.len());
                        return Err(Fault::new(argument.at, message));
                    }
                    Entry::Qubits { qubits, single: size.is_none() }
                }
                Type::Array(..) => {
                    let value = self.evaluate(argument)?;
                    self.held(array_of(&value), value, !parameter.mutable, argument.at)
                }
                of => {
                    let kind = self.kind(of, argument.at)?;
                    let value = self.evaluate(argument)?.cast(&kind, argument.at)?;
                    self.held(kind, value, false, argument.at)
                }
            };
            frame.insert(Rc::clone(&parameter.name), entry);
        }
        let flow = self.in_frame(frame, body, at)?;
        let frame = self.last_frame.take().unwrap_or_default();
        for (parameter, argument) in
            subroutine.parameters.iter().zip(arguments).filter(|(parameter, _)| parameter.mutable)
        {
            if let Some(Entry::Variable(variable)) = frame.get(&parameter.name) {
                self.store(argument, variable.value.clone(), argument.at)?;
            }
        }
        match (flow, &subroutine.result) {
            (Flow::Return(Some(value)), Some(of)) => {
                let kind = self.kind(of, at)?;
                value.cast(&kind, at).map(Some)
            }
            (_, Some(_)) => Err(Fault::new(at, format!("{name} ends without returning a value"))),
            (_, None) => Ok(None),
        }
    }

    /// Measures qubits; `homes` says which bits of the program the outcomes should go to.
    pub(super) fn measure(&mut self, qubits: &[u32], homes: &[Option<u32>], at: usize) -> Read<Vec<Logic>> {
        if self.parts.is_some() {
            return Err(Fault::new(at, "the body of a gate neither measures nor resets"));
        }
        let mut found = Vec::with_capacity(qubits.len());
        for (&qubit, &home) in qubits.iter().zip(homes) {
            let outcome = self.outcomes.new_slot(home, self.under > 0);
            self.push(Action::Measure(qubit, outcome), at)?;
            found.push(Logic::outcome(outcome));
        }
        Ok(found)
    }

    /// Measures qubits into a variable or some of its bits.
    pub(super) fn measure_to(&mut self, to: &Expr, qubits: &[u32], at: usize) -> Read<()> {
        let (name, indices) = target(to)?;
        let Some(Entry::Variable(variable)) = self.find(&name) else {
            return Err(Fault::new(to.at, format!("{} is no classical bit", quoted(&name))));
        };
        let (home, under, constant) = (variable.home, variable.under, variable.constant);
        let Value::Bits(mut bits) = variable.value.clone() else {
            let homes = vec![None; qubits.len()];
            let outcomes = self.measure(qubits, &homes, at)?;
            return self.store(to, Value::Bits(outcomes), at);
        };
        if constant {
            return Err(Fault::new(to.at, format!("{} is constant", quoted(&name))));
        }
        let mut places: Vec<usize> = (0..bits.len()).collect();
        for index in &indices {
            let (chosen, _) = self.places(index, places.len(), to.at)?;
            places = chosen.into_iter().filter_map(|place| places.get(place).copied()).collect();
        }
        if places.len() != qubits.len() {
            let message = format!("{} qubit(s) are measured into {} bit(s)", qubits.len(), places.len());
            return Err(Fault::new(at, message));
        }
        for (&qubit, place) in qubits.iter().zip(places) {
            let old = bits.get(place).cloned().unwrap_or(Logic::Known(false));
            let conditional = self.under > under;
            let bit_home = home.map(|home| home + place as u32);
            let former = old.copied().filter(|outcome| conditional && self.outcomes.stands(*outcome));
            let new = match former {
                // Where the condition does not hold, the outcome before stays.
                Some(former) if bit_home.is_some() => {
                    // The condition is looked at before the outcome takes its place.
                    self.check_stands(&self.path, at)?;
                    self.count(1, at)?;
                    let cases =
                        if let Logic::When(cubes) = &self.path { Some(Rc::clone(cubes)) } else { None };
                    let outcome = self.outcomes.over(former);
                    self.steps.push(Step { at, cases, action: Action::Measure(qubit, outcome) });
                    Logic::outcome(outcome)
                }
                _ => {
                    let measured =
                        self.measure(&[qubit], &[bit_home], at)?.pop().unwrap_or(Logic::Known(false));
                    if conditional && old != Logic::Known(false) {
                        merged_bit(&old, &measured, Some(&self.path), at)?
                    } else {
                        measured
                    }
                }
            };
            if let Some(bit) = bits.get_mut(place) {
                *bit = new;
            }
        }
        if let Some(Entry::Variable(variable)) = self.find_mut(&name) {
            (variable.value, variable.assigned) = (Value::Bits(bits), at);
        }
        Ok(())
    }

    /// The gate of the table that a definition describes up to a global phase, if the library knows it by that name: the gate
    /// itself is meant then.
    pub(super) fn recognised(&mut self, definition: &Rc<GateDefinition>) -> Option<Gate> {
        let Some(Entry::Known { gate, yielding: true }) = self.globals.get(&definition.name) else {
            return None;
        };
        let gate = *gate;
        if (definition.angles.len(), definition.qubits.len()) != (gate.params(), gate.qubits()) {
            return None;
        }
        let agrees = ANGLES.iter().all(|angles| self.agrees(definition, gate, angles).unwrap_or(false));
        agrees.then_some(gate)
    }

    fn agrees(&mut self, definition: &GateDefinition, gate: Gate, angles: &[f64; 4]) -> Option<bool> {
        let params = angles.get(..gate.params())?;
        let width = u32::try_from(gate.qubits()).ok()?;
        let qubits: Vec<u32> = (0..width).collect();
        let parts = self.body(definition, params, &qubits, 0).ok()?;
        if parts.len() > MOST_EXPLAINING {
            return None;
        }
        let mut body = Circuit::with_size(width, 0);
        for part in parts.into_iter().map(Part::simplified) {
            match &part.does {
                Does::Phase { .. } | Does::Barrier => {}
                Does::Gate(gate, params) if part.controls.is_empty() => {
                    body.gate(*gate, params, &part.targets).ok()?;
                }
                _ => {
                    let (matrix, controls, qubits) = part.matrix(0).ok()?;
                    body.unitary(&matrix, controls, &qubits).ok()?;
                }
            }
        }
        same(&body, Operation::Gate { gate, params, qubits: &qubits })
    }
}

/// The type of an array as it is given.
fn array_of(value: &Value) -> Kind {
    match value {
        Value::List(list) => match list.first().map(array_of) {
            Some(Kind::Array(of, mut sizes)) => {
                sizes.insert(0, list.len());
                Kind::Array(of, sizes)
            }
            Some(of) => Kind::Array(Box::new(of), vec![list.len()]),
            None => Kind::Array(Box::new(Kind::Float), vec![0]),
        },
        Value::Int(_) => Kind::Int(127),
        Value::Bool(_) => Kind::Bool,
        Value::Bits(bits) => Kind::Bit(Some(bits.len() as u32)),
        Value::Angle(_) => Kind::Angle(None),
        Value::Complex(_) => Kind::Complex,
        Value::Duration(_) => Kind::Duration,
        Value::Float(_) | Value::Nothing => Kind::Float,
    }
}
