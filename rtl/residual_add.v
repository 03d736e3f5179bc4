// residual_add: y = saturate(x + round_shift(acc, shift), Bits): one rounding, one saturation.
//
// x is the residual stream (Bits wide), acc the accumulator of a linear row. Combinational, one lane; signed.
`default_nettype none

module residual_add #(
    parameter integer Bits     = 16,
    parameter integer AccWidth = 24
) (
    input  wire signed [    Bits-1:0] x_i,
    input  wire signed [AccWidth-1:0] acc_i,
    input  wire        [         4:0] shift_i,
    output wire signed [    Bits-1:0] y_o
);
  wire signed [AccWidth-1:0] rounded;

  round_shift #(
      .Width(AccWidth)
  ) u_round_shift (
      .x_i(acc_i),
      .shift_i(shift_i),
      .y_o(rounded)
  );

  // One bit more than the wider operand (AccWidth > Bits): the sum never wraps before it is saturated.
  wire signed [AccWidth:0] sum =
      {{(AccWidth + 1 - Bits) {x_i[Bits-1]}}, x_i} + {rounded[AccWidth-1], rounded};

  saturate #(
      .Width(AccWidth + 1),
      .Bits (Bits)
  ) u_saturate (
      .x_i(sum),
      .y_o(y_o)
  );

  generate
    if (Bits < 8 || Bits > 16 || AccWidth <= Bits || AccWidth > 32) begin : g_sizes
      residual_add_refuses_bits_outside_8_to_16_or_acc_width_outside_bits_to_32 refused ();
    end
  endgenerate
endmodule

`default_nettype wire
