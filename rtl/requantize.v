// requantize: y = saturate(round_shift(x, shift), Bits), the only way a wide integer becomes narrow.
//
// Scales are powers of two, so there is no multiplier. Combinational, one lane; signed.
`default_nettype none

module requantize #(
    parameter integer Width      = 32,
    parameter integer Bits       = 8,
    parameter integer ShiftWidth = 5
) (
    input  wire signed [     Width-1:0] x_i,
    input  wire        [ShiftWidth-1:0] shift_i,
    output wire signed [      Bits-1:0] y_o
);
  wire signed [Width-1:0] rounded;

  round_shift #(
      .Width(Width),
      .ShiftWidth(ShiftWidth)
  ) u_round_shift (
      .x_i(x_i),
      .shift_i(shift_i),
      .y_o(rounded)
  );

  saturate #(
      .Width(Width),
      .Bits (Bits)
  ) u_saturate (
      .x_i(rounded),
      .y_o(y_o)
  );
endmodule

`default_nettype wire
