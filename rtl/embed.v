// embed: y = saturate((token + position) * 2^shift, Bits), one element of two int8 rows.
//
// The host looks both rows up; this adds and shifts them. The only operator that shifts left, by 0..7.
// Combinational, one lane; signed.
`default_nettype none

module embed #(
    parameter integer Bits = 16
) (
    input  wire signed [     7:0] token_i,
    input  wire signed [     7:0] position_i,
    input  wire        [     2:0] shift_i,
    output wire signed [Bits-1:0] y_o
);
  // 9 bits of sum and 7 of shift need 16; one more lets the 16-bit form share the saturation.
  wire signed [16:0] sum = {{9{token_i[7]}}, token_i} + {{9{position_i[7]}}, position_i};
  wire signed [16:0] shifted = sum <<< shift_i;

  saturate #(
      .Width(17),
      .Bits (Bits)
  ) u_saturate (
      .x_i(shifted),
      .y_o(y_o)
  );

  generate
    if (Bits < 8 || Bits > 16) begin : g_sizes
      embed_refuses_bits_outside_8_to_16 refused ();
    end
  endgenerate
endmodule

`default_nettype wire
