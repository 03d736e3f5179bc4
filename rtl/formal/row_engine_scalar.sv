// row_engine_scalar: of a key the lanes get its number, of a value its magnitude and, for the sum, its sign.
//
// A value below 0 counts as 0 unless its sign counts; operations that are neither score nor inhibition get 0. With
// token_lane_steps.sv: a score adds |q - k|, an inhibition sign(v) max(|v| - z', 0). The scalar is registered once in
// lane_group.v, its sign comes behind two registers more: four clocks are all there is.
`default_nettype none

module row_engine_scalar (
    input wire clk_i
);
  (* anyconst *) wire score, inhibit, signed_values;
  wire signed [7:0] octet;
  (* hierconn *) wire [8:0] \dut.g_group[0].u_group.scalar_q ;
  (* hierconn *) wire \dut.g_group[0].u_group.negate_q ;
  wire signed [8:0] scalar = \dut.g_group[0].u_group.scalar_q ;

  row_engine #(
      .Lanes(8),
      .Width(32)
  ) dut (
      .clk_i(clk_i),
      .score_i(score),
      .inhibit_i(inhibit),
      .signed_i(signed_values),
      .negate_i(1'b0),
      .scalar_o(octet)
  );

  reg [1:0] clock = 0;
  reg signed [7:0] value;
  wire signed [8:0] magnitude = value < 0 ? -value : value;
  wire counts = value >= 0 || signed_values;

  always @* assume (!(score && inhibit) && octet != -8'sd128);

  always @(posedge clk_i) begin
    value <= octet;
    if (clock != 2'd3) clock <= clock + 2'd1;
  end

  always @* if (clock == 2'd3) begin
    assert (scalar == (score ? value : inhibit && counts ? magnitude : 9'sd0));
    assert (\dut.g_group[0].u_group.negate_q == (inhibit && value < 0));
  end
endmodule

`default_nettype wire
