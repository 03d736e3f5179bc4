// lane_output_rounds: the way out of a lane is saturate(x + round_shift(result, shift)), half up.
//
// The golden value is computed in 48 bits, where nothing overflows, from inputs delayed to one moment. The module has
// no feedback: y_o depends on its last seven clocks only, so a check of eight clocks from any state is complete.
`default_nettype none

module lane_output_rounds (
    input wire        clk_i,
    input wire [23:0] result_i,
    input wire [15:0] residual_i,
    input wire [14:0] minimum_i,
    input wire        differs_i
);
  // Still while rows are under way, as an operation keeps them.
  (* anyconst *) wire [4:0] shift;
  (* anyconst *) wire [3:0] top_bit; // bits - 1 of what is written
  (* anyconst *) wire [1:0] octet;
  (* anyconst *) wire add_residual, centre, raw, relu, mask;
  wire [3:0] above = top_bit - 4'd7;
  wire [16:7] high = 10'h3ff << above;
  wire [15:0] y;

  lane_output dut (
      .clk_i(clk_i),
      .result_i(result_i),
      .shift_i(shift),
      .byte_i(octet),
      .residual_i(residual_i),
      .minimum_i(minimum_i),
      .differs_i(differs_i),
      .add_residual_i(add_residual),
      .centre_i(centre),
      .raw_i(raw),
      .relu_i(relu),
      .mask_i(mask),
      .high_i(high),
      .y_o(y)
  );

  // What operation_fetch.v lets pass.
  always @* begin
    assume (top_bit >= 4'd7 && shift <= 5'd23 && octet != 2'd3);
    assume (raw ? shift == 5'd0 && !add_residual && !centre && !relu && !mask : octet == 2'd0);
    assume (!centre || (shift == 5'd0 && !add_residual));
  end

  // The result is shifted from 7 to 10; residual and minimum join at 10, the key's sentence at 11; y is there at 13.
  reg signed [23:0] result8, result9, result10;
  reg signed [47:0] sum11, sum12, sum13;
  reg masked12, masked13;
  reg [23:0] raw11, raw12, raw13;
  wire signed [47:0] wide = result10;
  wire signed [47:0] half = shift == 5'd0 ? 48'sd0 : 48'sd1 <<< (shift - 5'd1);
  wire signed [47:0] rounded = (wide + half) >>> shift;
  wire signed [47:0] residual = $signed(residual_i);
  wire signed [47:0] minimum = {33'd0, minimum_i};
  wire signed [47:0] x = add_residual ? residual : centre ? -minimum : 48'sd0;
  wire signed [47:0] largest = (48'sd1 <<< top_bit) - 48'sd1;
  wire signed [47:0] clamped = sum13 > largest ? largest : sum13 < -largest ? -largest : sum13;
  wire signed [47:0] expected = masked13 ? largest : relu && clamped < 0 ? 48'sd0 : clamped;
  reg [3:0] clock = 0;

  always @(posedge clk_i) begin
    {result10, result9, result8} <= {result9, result8, result_i};
    {raw13, raw12, raw11} <= {raw12, raw11, result10};
    {sum13, sum12, sum11} <= {sum12, sum11, rounded + x};
    {masked13, masked12} <= {masked12, mask && differs_i};
    if (clock != 4'd6) clock <= clock + 4'd1;
    if (clock == 4'd6) begin
      if (raw) assert (y[7:0] == raw13[{octet, 3'b000}+:8]);
      else assert ($signed(y) == expected);
    end
  end
endmodule

`default_nettype wire
