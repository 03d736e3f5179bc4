// round_shift: y = floor((x + 2^(s-1)) / 2^s) for s >= 1, y = x for s = 0. Round half up: ties go towards
// plus infinity.
//
// The rounding constant is never added: it would carry exactly when the last bit shifted out is 1, so that
// bit is the carry-in of the result. With one zero appended below x, the same shift serves s = 0 too.
// Combinational, one lane. x_i and y_o are signed; |y| <= |x|, so nothing overflows for any shift.
`default_nettype none

module round_shift #(
    parameter integer Width      = 32,
    parameter integer ShiftWidth = 5
) (
    input  wire signed [     Width-1:0] x_i,
    input  wire        [ShiftWidth-1:0] shift_i,
    output wire signed [     Width-1:0] y_o
);
  wire signed [Width:0] extended = {x_i, 1'b0};
  wire signed [Width:0] shifted = extended >>> shift_i;

  assign y_o = shifted[Width:1] + {{(Width - 1) {1'b0}}, shifted[0]};

  generate
    if (Width < 2 || Width > 64 || ShiftWidth < 1 || ShiftWidth > 6) begin : g_sizes
      round_shift_refuses_width_outside_2_to_64_or_shift_width_outside_1_to_6 refused ();
    end
  endgenerate
endmodule

`default_nettype wire
