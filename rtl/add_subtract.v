// add_subtract: y = a + b, or a - b if subtract_i. The step of every accumulator here.
//
// Written as one sum with the carry-in made from an appended bit, so that synthesis builds one carry chain
// and not an adder, a subtractor and a multiplexer. Combinational, one lane; wraps at Width bits.
`default_nettype none

module add_subtract #(
    parameter integer Width = 24
) (
    input  wire [Width-1:0] a_i,
    input  wire [Width-1:0] b_i,
    input  wire             subtract_i,
    output wire [Width-1:0] y_o
);
  wire unused_carry_in;

  assign {y_o, unused_carry_in} = {a_i, 1'b1} + {b_i ^ {Width{subtract_i}}, subtract_i};
endmodule

`default_nettype wire
