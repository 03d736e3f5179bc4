// relu: y = max(x, 0).
//
// Combinational, one lane; signed. The sign bit clears the others.
`default_nettype none

module relu #(
    parameter integer Width = 8
) (
    input  wire signed [Width-1:0] x_i,
    output wire signed [Width-1:0] y_o
);
  assign y_o = x_i & {Width{!x_i[Width-1]}};

  generate
    if (Width < 2) begin : g_sizes
      relu_refuses_fewer_than_2_bits refused ();
    end
  endgenerate
endmodule

`default_nettype wire
